// Lists of addresses as the API writes them: "HOST:PORT,HOST:PORT".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "api/call.h"
#include "runtime/values.h"

namespace whim::api {

// what: the option, for errors. NULL and "": none.
inline Result<std::vector<Address>> parse_addresses(const char* text, const char* what) {
    std::vector<Address> addresses;
    std::string_view rest = text ? text : "";
    while (!rest.empty()) {
        const auto comma = rest.find(',');
        auto address = parse_address(rest.substr(0, comma));
        if (!address) return invalid(fmt::format("{}: {}", what, address.error().detail));
        addresses.push_back(std::move(*address));
        rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    }
    return addresses;
}

inline std::string join_addresses(const std::vector<Address>& addresses) {
    std::string text;
    for (const auto& address : addresses) text += (text.empty() ? "" : ",") + to_string(address);
    return text;
}

}  // namespace whim::api
