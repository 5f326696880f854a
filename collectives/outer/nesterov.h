// The outer optimiser of DiLoCo on flat f32 fragments: what the averaged pseudo-gradient does to the anchor.
//
// Sign: a pseudo-gradient is anchor minus live parameters, and the optimiser descends. Nesterov is in the
// form of PyTorch's SGD(nesterov=True, dampening=0), which DiLoCo (Douillard et al. 2023, arXiv 2311.08105,
// algorithm 1) uses with eta 0.7 and mu 0.9:
//   b = mu*b + Delta;  d = Delta + mu*b;  G = G - eta*d
// A constant Delta moves the anchor by (1+mu)*eta*Delta at first, by eta*Delta/(1-mu) in the long run. eta 1
// and mu 0 average the parameters. Products and sums are rounded one by one: the same bits on every machine.
#pragma once

#include <span>

#include "collectives/kernels/outer_step.h"

namespace whim {

struct OuterSettings {
    OuterRule rule = OuterRule::nesterov;
    float eta = 0.7f;  // outer step size
    float mu = 0.9f;   // momentum factor; not used by sgd
};

// out = anchor - live. Sizes are equal; out may be live itself.
inline void pseudo_gradient(std::span<const float> anchor, std::span<const float> live,
                            std::span<float> out) {
    kernels::subtract(anchor, live, out);
}

// One step with the averaged pseudo-gradient. momentum starts as zeros; with sgd it may be empty.
inline void outer_step(const OuterSettings& settings, std::span<const float> delta, std::span<float> momentum,
                       std::span<float> anchor) {
    kernels::outer_step(settings.rule, settings.eta, settings.mu, delta, momentum, anchor);
}

}  // namespace whim
