// Powers of two only.
#include "stress/sizes.h"

#include <stdexcept>

namespace stress {

uint64_t parse_bytes(const std::string& text) {
    size_t digits = 0;
    const uint64_t number = std::stoull(text, &digits);
    const std::string unit = text.substr(digits);
    if (unit.empty() || unit == "B") return number;
    if (unit == "K" || unit == "KiB") return number << 10;
    if (unit == "M" || unit == "MiB") return number << 20;
    if (unit == "G" || unit == "GiB") return number << 30;
    throw std::runtime_error("'" + text + "' is no number of bytes");
}

std::string size_text(uint64_t bytes) {
    if (bytes % (1 << 20) == 0) return std::to_string(bytes >> 20) + " MiB";
    if (bytes % (1 << 10) == 0) return std::to_string(bytes >> 10) + " KiB";
    return std::to_string(bytes) + " B";
}

}  // namespace stress
