// What a member computes in a step of gossip, elementwise, with the same bits on every machine: each product,
// sum and difference is rounded by itself, in the order written below, and a NaN result is the canonical one.
// The forms add differences to what is there, so that members who agree stay as they are, bit for bit, and
// what one gains over an edge the other loses. Of f16 and bf16 all is computed in f32, and rounded once at
// the end. What two values beyond half of the largest add up to, or differ by, may be infinite.
#pragma once

#include <span>

#include "base/bytes.h"
#include "base/dtype.h"

namespace whim::kernels {

struct MixInput {
    ByteSpan values;  // of a neighbour
    float weight = 0;
};

struct MixStep {
    Dtype dtype = Dtype::f32;  // a float
    ByteSpan own;
    // What the neighbours take own for, where that is not own itself: what an encoding of it stands for.
    ByteSpan shown = {};
    std::span<const MixInput> inputs = {};
    // Other than 1: a step of Chebyshev's recurrence (collectives/plan/chebyshev.h). previous are then the
    // values before own.
    float omega = 1.0f;
    ByteSpan previous = {};
};

// mixed = own + w_1*(x_1 - shown) + w_2*(x_2 - shown) + ..., from left to right. A single neighbour of weight
// 1/2 where own is shown, the case of pairs, is mixed = 0.5*(own + x) instead: both members compute the same
// bits, whichever is own. out = mixed, or previous + omega*(mixed - previous).
// All spans are equally long, of any alignment; out may be own or previous (the same address), otherwise it
// overlaps nothing.
void mix(const MixStep& step, MutableByteSpan out);

}  // namespace whim::kernels
