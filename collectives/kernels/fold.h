// Arithmetic folds over bytes: the vector kernels behind reducer/fold.h, which checks and documents.
// Buffers may have any alignment. The best instruction set of the machine is chosen at run time; all give the
// same bits: one operation at a time, in the order of the inputs, nothing fused, NaN results canonical.
#pragma once

#include <cstddef>
#include <span>

#include "base/bytes.h"
#include "base/dtype.h"

namespace whim {

// One contribution: elements * dtype_bytes bytes, and its weight in an average.
struct FoldInput {
    ByteSpan bytes;
    float weight = 1.0f;
};

namespace kernels {

// sum, avg, min or max of f32, f64, f16, bf16. inputs: at least one, all of out_bytes bytes.
void fold_floats(Reduce reduce, Dtype dtype, std::span<const FoldInput> inputs, MutableByteSpan out);

// Of f32: w0*x0 + w1*x1 + ..., divided by the divisor unless that is 0.
void fold_weighted(std::span<const FoldInput> inputs, float divisor, MutableByteSpan out);

// sum, min or max of the integer types.
void fold_integers(Reduce reduce, Dtype dtype, std::span<const FoldInput> inputs, MutableByteSpan out);

}  // namespace kernels
}  // namespace whim
