// One outer optimiser step over flat f32 buffers, elementwise, with the same bits on every machine: each
// product and sum is rounded by itself, in the order written below, and a NaN result is the canonical one.
// The rules, for each element (delta D, momentum b, anchor G, step size eta, momentum factor mu):
//   sgd         G = G - eta*D
//   heavy_ball  b = mu*b + D;  G = G - eta*b
//   nesterov    b = mu*b + D;  d = D + mu*b;  G = G - eta*d
#pragma once

#include <cstdint>
#include <span>

namespace whim {

enum class OuterRule : uint8_t { sgd = 0, heavy_ball, nesterov };

namespace kernels {

// All spans are equally long, except that sgd leaves momentum alone, which may then be empty. No overlap.
void outer_step(OuterRule rule, float eta, float mu, std::span<const float> delta, std::span<float> momentum,
                std::span<float> anchor);

// out = a - b. out may be a or b (the same address); otherwise it overlaps neither.
void subtract(std::span<const float> a, std::span<const float> b, std::span<float> out);

}  // namespace kernels
}  // namespace whim
