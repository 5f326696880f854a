// Affine block codes: [least element, f32][scale][codes], codes counting steps of scale up from the least.
// The vector kernels behind codec/affine_codec.h, which checks and documents.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "collectives/kernels/blocks.h"

namespace whim {

struct AffineFormat {
    int bits = 8;  // of a code: 8, 4 or 2
    ScaleType scale = ScaleType::bf16;
    size_t block = 256;  // elements: a multiple of 16, at most 1024

    size_t block_bytes(size_t elements) const {
        return sizeof(float) + scale_bytes(scale) + (elements * static_cast<size_t>(bits) + 7) / 8;
    }
    size_t encoded_bytes(size_t count) const {
        const size_t rest = count % block;
        return count / block * block_bytes(block) + (rest == 0 ? 0 : block_bytes(rest));
    }
    float levels() const { return static_cast<float>((1 << bits) - 1); }
};

namespace kernels {

inline constexpr size_t kAffineBlockMax = 1024;

// As for the block codes of blocks.h. check_affine also refuses a block whose largest number is not finite.
void encode_affine(const AffineFormat& format, const BlockInput& input, std::byte* out);
BlockVerdict check_affine(const AffineFormat& format, const std::byte* in, size_t count);
void decode_affine(const AffineFormat& format, const std::byte* in, std::span<float> out);
void accumulate_affine(const AffineFormat& format, const std::byte* in, float weight, std::span<float> acc);

}  // namespace kernels
}  // namespace whim
