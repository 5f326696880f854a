// UTF-8, read strictly.
#include "base/printable.h"

#include <cstdint>

namespace whim {
namespace {

struct Character {
    size_t bytes = 0;  // 0: not UTF-8
    uint32_t code = 0;
};

Character first_of(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
    const uint8_t lead = byte(0);
    if (lead < 0x80) return {1, lead};
    const size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || bytes > text.size()) return {};
    uint32_t code = lead & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {};
        code = code << 6 | (byte(i) & 0x3fu);
    }
    constexpr uint32_t kShortest[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (code < kShortest[bytes] || surrogate || code > 0x10ffff) return {};
    return {bytes, code};
}

bool harmless(uint32_t code) {
    const auto within = [code](uint32_t first, uint32_t last) { return code >= first && code <= last; };
    return !within(0, 0x1f) && !within(0x7f, 0x9f) &&             // controls
           !within(0x2028, 0x202e) && !within(0x2066, 0x2069) &&  // ends of lines, direction of writing
           !within(0x200e, 0x200f) && code != 0x061c;             // direction of writing
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const Character c = first_of(text);
        if (c.bytes > 0 && harmless(c.code)) out += text.substr(0, c.bytes);
        else out += '?';
        text.remove_prefix(c.bytes > 0 ? c.bytes : 1);
    }
    return out;
}

}  // namespace whim
