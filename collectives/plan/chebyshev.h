// Chebyshev acceleration: k steps of gossip that contract as 1/T_k(1/lambda) instead of lambda^k, on a graph
// and membership that stay the same for all k.
//
//   y_1 = W y_0;   y_q = omega_q (W y_{q-1}) + (1 - omega_q) y_{q-2}
//   omega_1 = 1,  omega_2 = 1 / (1 - lambda^2/2),  omega_q = 1 / (1 - lambda^2 omega_{q-1} / 4)
//
// which is y_q = T_q(W/lambda) / T_q(1/lambda) y_0 without numbers that grow. The mean is preserved like by
// plain steps, whatever lambda is. With a lambda that is too low the contraction is less than what the bound
// says, with one that is too high it is less than possible; neither diverges. Both are fixed for the whole
// op: when somebody dies the others go on with them, and what it would have given is left out. (arXiv
// 2302.04083, 1702.08704)
#pragma once

#include <cstdint>
#include <vector>

namespace whim::gossip {

// omega_1 .. omega_steps as f32, computed in f64. 0 <= lambda <= 1; at most limits::kGossipStepsMax steps.
// Where lambda leaves nothing to accelerate, below 2^-10 or above 1 - 2^-20, all are 1: plain steps.
std::vector<float> chebyshev_coefficients(double lambda, uint32_t steps);

// 1/T_steps(1/lambda): what is left of the distance from the mean, at most, when lambda is right.
double chebyshev_bound(double lambda, uint32_t steps);

}  // namespace whim::gossip
