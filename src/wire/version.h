// Versions of the protocol this build speaks. Two ends use the highest that both know; without one the
// hello is refused with both ranges in the text. The layout of hello and hello_reply never changes,
// except that fields may be appended.
#pragma once

#include <cstdint>

namespace whim {

inline constexpr uint16_t kProtocolVersionMin = 1;
inline constexpr uint16_t kProtocolVersionMax = 1;

}  // namespace whim
