// Readable forms of identifiers.
#include "base/ids.h"

#include <span>

namespace whim {
namespace {

std::string hex(std::span<const uint8_t> bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const uint8_t b : bytes) {
        out.push_back(kDigits[b >> 4]);
        out.push_back(kDigits[b & 15]);
    }
    return out;
}

}  // namespace

std::string to_hex(const PeerId& id) { return hex(id.bytes); }
std::string short_name(const PeerId& id) { return hex(std::span(id.bytes).first(4)); }
std::string to_hex(const Digest& digest) { return hex(digest.bytes); }

std::string short_name(const MemberId& id) {
    return short_name(id.peer) + "#" + std::to_string(id.incarnation.value);
}

std::string to_string(const OpId& op) {
    std::string out = "r" + std::to_string(op.round.value) + "/t" + std::to_string(op.tag);
    if (op.instance != 0) out += "." + std::to_string(op.instance);
    return out;
}

}  // namespace whim
