// What a member computes in a step of gossip, elementwise, with the same bits on every machine: each product,
// sum and difference is rounded by itself, in the order written below, and a NaN result is the canonical one.
// The forms add differences to what is there, so that members who agree stay as they are, bit for bit, and
// what one gains over an edge the other loses.
#pragma once

#include <span>

namespace whim::kernels {

struct MixInput {
    std::span<const float> values;  // of a neighbour
    float weight = 0;
};

// out = own + w_1*(x_1 - own) + w_2*(x_2 - own) + ..., from left to right. A single neighbour of weight 1/2,
// the case of pairs, is out = 0.5*(own + x) instead: both members compute the same bits, whichever is own.
// All spans are equally long; out may be own (the same address), otherwise it overlaps nothing.
void mix(std::span<const float> own, std::span<const MixInput> inputs, std::span<float> out);

// A step of Chebyshev's recurrence (collectives/plan/chebyshev.h): previous + omega*(mixed - previous), where
// mixed is what mix() made of the latest values and previous are the values before those. out may be previous
// or mixed (the same address), otherwise it overlaps neither.
void chebyshev_step(float omega, std::span<const float> mixed, std::span<const float> previous,
                    std::span<float> out);

}  // namespace whim::kernels
