// The k largest magnitudes of a chunk: what top-k keeps. The same choice on every instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace whim::kernels {

// Writes the indexes of the largest magnitudes, ascending, as many as indexes has room for; of equal
// magnitudes the lower indexes first. 1 <= indexes.size() <= values.size() < 2^31; values are finite.
void select_largest(std::span<const float> values, std::span<uint32_t> indexes);

}  // namespace whim::kernels
