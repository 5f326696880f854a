// A place to dial: IPv4, IPv6 or DNS name, and a port.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace whim {

struct Address {
    std::string host;  // without brackets; empty in a listening address means every interface
    uint16_t port = 0;
    auto operator<=>(const Address&) const = default;
};

// "10.0.0.1:7000", "[::1]:7000", "gw.example.org:7000". The error says what is wrong with the text.
Result<Address> parse_address(std::string_view text);
std::string to_string(const Address& address);

}  // namespace whim
