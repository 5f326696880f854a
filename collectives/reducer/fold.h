// fold: how n contributions become one, bit for bit the same on every machine.
//
// Inputs are folded in the order given (birth-rank order in an op). Rules:
//   sum       ((x0 + x1) + x2) + ...; integers wrap.
//   avg       (w0*x0 + w1*x1 + ...) / (w0 + w1 + ...): products and sums rounded one by one, one division.
//             The formula holds for one input too, so (w*x)/w may differ from x in the last place when w is
//             no power of two. A zero weight does not hide a NaN or an infinity. Weights that are all zero
//             give NaN; check_weights() refuses them.
//   min, max  IEEE 754-2019 minimum and maximum: any NaN gives NaN, and -0 is below +0.
//   copy      the first input, whatever else is given.
//   majority  per element the value that most inputs hold, ties to the smallest; integers only.
// Precision: f32 in f32; f16 and bf16 in f32 with one rounding (nearest, ties to even) at the end; f64 in
// f64. sum, min, max and majority of one input give it back bit for bit; otherwise every NaN of a result is
// the canonical quiet NaN (positive, payload zero). Subnormals are kept: the thread must run in the default
// floating-point environment (nearest rounding, no flush to zero).
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/dtype.h"
#include "base/status.h"
#include "collectives/kernels/fold.h"

namespace whim {

// Folds inputs into out, without allocation. Asserted: 1 to limits::kMembersMax inputs, each as long as out,
// a whole number of elements, and reduce_supports(reduce, dtype). Buffers may have any alignment. out may be
// the memory of one input (the same address); otherwise it overlaps none.
void fold(Reduce reduce, Dtype dtype, std::span<const FoldInput> inputs, MutableByteSpan out);

// Averages in two steps, of f32: what a node of a tree passes on, w0*x0 + w1*x1 + ..., where a partial sum
// counts with weight 1; and the same divided by the sum of all weights, at the root. Rounded as avg is. The
// rest as for fold().
void fold_partial_avg(std::span<const FoldInput> inputs, MutableByteSpan out);
void fold_partials(std::span<const FoldInput> inputs, float weight_sum, MutableByteSpan out);

// Index of the first NaN or infinity; nullopt when there is none and for integers.
std::optional<size_t> first_non_finite(Dtype dtype, ByteSpan bytes);

// Whether an average over these weights is defined: each finite and >= 0, their f32 sum, in order, finite and
// > 0.
Status check_weights(std::span<const float> weights);

}  // namespace whim
