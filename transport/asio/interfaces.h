// Which of this machine's names and addresses others may know it by. Looks names up, so it may block.
#pragma once

#include <optional>
#include <string>

#include "wire/address.h"

namespace whim {

std::string host_name();

// The local interface whose address packets to `to` would carry; nothing is sent.
std::optional<std::string> interface_towards(const Address& to);
std::optional<std::string> interface_away();          // the same for other machines; nullopt: there is no way
bool is_loopback(const std::string& host);            // of an address in numbers
bool names_every_interface(const std::string& host);  // of one to listen on

}  // namespace whim
