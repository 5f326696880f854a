// Search for the first NaN or infinity in a buffer of floats, at the speed of memory.
#pragma once

#include <cstddef>
#include <optional>

#include "base/bytes.h"
#include "base/dtype.h"

namespace whim::kernels {

// Index of the first element that is not finite. dtype is a float type; any alignment.
std::optional<size_t> first_non_finite_float(Dtype dtype, ByteSpan bytes);

}  // namespace whim::kernels
