// A link that is down, in words for people: who, in which direction, at which address, and why.
#pragma once

#include <string>

#include "transport/session/endpoint.h"

namespace whim {

// As in "eu-2 cannot be reached from us-1 at 10.0.0.7:7001: no answer in 3 s (a firewall?)". detail: what
// link_down() says; it names the addresses.
std::string link_text(const std::string& here, const std::string& there, LinkDownKind kind,
                      const std::string& detail);

}  // namespace whim
