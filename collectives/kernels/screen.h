// Search for the first float that is too large to encode, or not finite, at the speed of memory.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace whim::kernels {

// Index of the first element whose magnitude is not at most limit (a NaN's never is). limit: finite, not
// negative.
std::optional<size_t> first_beyond(std::span<const float> values, float limit);

}  // namespace whim::kernels
