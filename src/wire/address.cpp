// Reading and writing of addresses, bounded by limits::kAddressBytesMax.
#include "wire/address.h"

#include <charconv>

#include "base/limits.h"

namespace whim {
namespace {

Error bad(std::string_view text, std::string_view why) {
    return fail(Code::E_INVALID, "address '" + std::string(text.substr(0, 80)) + "': " + std::string(why));
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
    if (text.size() > limits::kAddressBytesMax) return bad(text, "too long");
    std::string_view host;
    std::string_view port;
    if (text.starts_with('[')) {
        const size_t end = text.find(']');
        if (end == std::string_view::npos) return bad(text, "'[' without ']'");
        if (end + 1 >= text.size() || text[end + 1] != ':') return bad(text, "no ':PORT' after ']'");
        host = text.substr(1, end - 1);
        port = text.substr(end + 2);
        if (host.find(':') == std::string_view::npos) return bad(text, "'[' and ']' are for IPv6 addresses");
    } else {
        const size_t colon = text.rfind(':');
        if (colon == std::string_view::npos) return bad(text, "no ':PORT'; write HOST:PORT");
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
        if (host.find(':') != std::string_view::npos)
            return bad(text, "write an IPv6 address as [ADDRESS]:PORT");
    }
    for (const char c : host) {
        if (c <= ' ' || c == 0x7f || c == '[' || c == ']')
            return bad(text, "a blank, bracket or control character in the host");
    }
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc{} || end != port.data() + port.size() || number > 65535) {
        return bad(text, "the port is not a number from 0 to 65535");
    }
    return Address{std::string(host), static_cast<uint16_t>(number)};
}

std::string to_string(const Address& address) {
    const bool ipv6 = address.host.find(':') != std::string::npos;
    const std::string host = ipv6 ? "[" + address.host + "]" : address.host;
    return host + ":" + std::to_string(address.port);
}

}  // namespace whim
