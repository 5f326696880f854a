// Sums of error feedback, element by element, with the same bits on every machine.
#pragma once

#include <span>

namespace whim::kernels {

// out = beta * residual + update: two roundings. All are of one length; out may be update's memory.
void add_residual(float beta, std::span<const float> residual, std::span<const float> update,
                  std::span<float> out);

}  // namespace whim::kernels
