// Exponent and three bits of mantissa.
#include "wire/link_figure.h"

#include <algorithm>
#include <bit>

namespace whim::wire {

uint16_t figure_of(uint64_t value) {
    if (value == 0) return 0;
    value = std::max<uint64_t>(value, 8);
    const auto power = static_cast<uint32_t>(std::bit_width(value)) - 1;
    return static_cast<uint16_t>(1 + (power - 3) * 8 + ((value >> (power - 3)) & 7));
}

uint64_t value_of(uint16_t figure) {
    if (figure == 0) return 0;
    const uint32_t power = (figure - 1u) / 8;
    return power > 60 ? UINT64_MAX : (8ull + (figure - 1u) % 8) << power;
}

}  // namespace whim::wire
