// Block codes: f32 elements become blocks of [scale][packed codes], one after the other, and come back. The
// vector kernels behind codec/block_codec.h, which checks and documents. The best instruction set of the
// machine is chosen at run time; all give the same bytes. The thread runs in the default floating-point
// environment.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "collectives/kernels/grid.h"
#include "collectives/kernels/philox.h"
#include "collectives/kernels/scale.h"

namespace whim {

struct BlockFormat {
    static constexpr size_t kWhole = 0;  // all elements of a payload are one block

    Grid grid = Grid::int8;
    ScaleType scale = ScaleType::bf16;
    size_t block = 256;  // elements: a multiple of 16, or kWhole

    size_t block_of(size_t count) const { return block == kWhole ? std::max<size_t>(count, 1) : block; }
    // Bytes of one block of so many elements.
    size_t block_bytes(size_t elements) const {
        return scale_bytes(scale) + (elements * static_cast<size_t>(grid_info(grid).bits) + 7) / 8;
    }
    size_t encoded_bytes(size_t count) const {
        const size_t each = block_of(count), rest = count % each;
        return count / each * block_bytes(each) + (rest == 0 ? 0 : block_bytes(rest));
    }
};

// What is wrong with a payload, and in which block.
enum class BlockFault : uint8_t { none, scale, code, zero_scale, padding };

struct BlockVerdict {
    BlockFault fault = BlockFault::none;
    size_t block = 0;
};

namespace kernels {

struct BlockInput {
    std::span<const float> values;   // finite, and quotients at most magnitude_max
    float divisor = 1;               // each value is divided by it first; finite and > 0
    const Dither* dither = nullptr;  // rounds stochastically; to nearest without
    uint64_t first = 0;              // the place of values[0] among the words of dither; a multiple of 4
};

// out: encoded_bytes(values.size()) long.
void encode_blocks(const BlockFormat& format, const BlockInput& input, std::byte* out);

// Whether in, encoded_bytes(count) long, is what encode_blocks can make.
BlockVerdict check_blocks(const BlockFormat& format, const std::byte* in, size_t count);

// in: checked bytes, encoded_bytes(out.size()) long. accumulate adds weight * element to acc: two roundings.
void decode_blocks(const BlockFormat& format, const std::byte* in, std::span<float> out);
void accumulate_blocks(const BlockFormat& format, const std::byte* in, float weight, std::span<float> acc);

}  // namespace kernels
}  // namespace whim
