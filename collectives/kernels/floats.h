// Floats without blocks: each element by itself as f32, f16 or bf16. The vector kernels behind
// codec/float_codec.h. Any alignment of bytes.
#pragma once

#include <span>

#include "base/bytes.h"
#include "base/dtype.h"
#include "collectives/kernels/blocks.h"

namespace whim::kernels {

// dtype: f32, f16 or bf16. input as for encode_blocks; magnitudes are at most the largest number of dtype.
// dither counts for f16 and bf16.
void encode_floats(Dtype dtype, const BlockInput& input, std::byte* out);

void decode_floats(Dtype dtype, const std::byte* in, std::span<float> out);
void accumulate_floats(Dtype dtype, const std::byte* in, float weight, std::span<float> acc);

}  // namespace whim::kernels
