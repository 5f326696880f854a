// Encoding of blocks, compiled once per instruction set: for each block its scale, then its codes.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collectives/kernels/encode_blocks.cpp"
#include <hwy/foreach_target.h>  // keep before highway.h

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "base/assert.h"
#include "collectives/kernels/blocks.h"
#include "collectives/kernels/philox-inl.h"
#include "collectives/kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <Grid kGrid, class Rounding> class BlockEncoder {
    static constexpr int kBits = grid_info(kGrid).bits;
    static constexpr float kTop = grid_info(kGrid).top;

public:
    BlockEncoder(const BlockFormat& format, const BlockInput& input)
        : format_(format), input_(input), block_(format.block_of(input.values.size())) {}

    void run(std::byte* out) {
        const size_t count = input_.values.size();
        if (block_ > kTile) {
            for (size_t at = 0; at < count; at += block_)
                out = large_block(at, std::min(block_, count - at), out);
            return;
        }
        const size_t step = group_elements(block_);
        for (size_t at = 0; at < count; at += step) out = group(at, std::min(step, count - at), out);
    }

private:
    // Whole blocks that fit a tile; the last may be short.
    std::byte* group(size_t at, size_t count, std::byte* out) {
        const float* x = load(at, count);
        Scale scales[kTileBlocks];
        const size_t blocks = (count + block_ - 1) / block_;
        find_scales(x, count, blocks, scales);
        for (size_t i = 0, b = 0; b < blocks; i += block_, ++b) {
            round(x + i, i, padded(std::min(block_, count - i), kPad), scales[b].value);
        }
        pack(count);
        const uint8_t* packed = packed_;
        for (size_t i = 0, b = 0; b < blocks; i += block_, ++b) {
            store_scale(format_.scale, scales[b], out);
            out += scale_bytes(format_.scale);
            const size_t bytes = (std::min(block_, count - i) * kBits + 7) / 8;
            copy_bytes(reinterpret_cast<uint8_t*>(out), packed, bytes);
            packed += bytes;
            out += bytes;
        }
        return out;
    }

    // A block of several tiles.
    std::byte* large_block(size_t at, size_t count, std::byte* out) {
        const Scale scale = large_scale(at, count);
        store_scale(format_.scale, scale, out);
        out += scale_bytes(format_.scale);
        for (size_t i = 0; i < count; i += kTile) {
            const size_t length = std::min(kTile, count - i);
            round(load(at + i, length), 0, padded(length, kPad), scale.value);
            pack(length);
            const size_t bytes = (length * kBits + 7) / 8;
            std::memcpy(out, packed_, bytes);
            out += bytes;
        }
        return out;
    }

    const float* load(size_t at, size_t count) {
        ahead_ = input_.values.data() + std::min(at + kTile, input_.values.size() - count);
        if (input_.dither) dither_fill(*input_.dither, input_.first + at, count, words_);
        return prepared(input_.values.data() + at, count, input_.divisor, staged_);
    }

    // Step by step for all blocks of a tile: the steps of one block wait for each other.
    void find_scales(const float* x, size_t count, size_t blocks, Scale* scales) const {
        HWY_ALIGN float wishes[kTileBlocks] = {};
        for (size_t i = 0, b = 0; b < blocks; i += block_, ++b) {
            const size_t length = std::min(block_, count - i);
            if constexpr (kGrid == Grid::sign) {
                double sums[8] = {};
                add_magnitudes(x + i, padded(length, kPad), sums);
                scales[b] = mean_scale(sums, length);
            } else {
                wishes[b] = largest_magnitude(x + i, padded(length, kPad));
            }
        }
        if constexpr (kGrid != Grid::sign) {
            const VF top = hn::Set(DF(), kTop);
            for (size_t b = 0; b < blocks; b += hn::Lanes(DF())) {
                hn::Store(hn::Div(hn::Load(DF(), wishes + b), top), DF(), wishes + b);
            }
            for (size_t b = 0; b < blocks; ++b) scales[b] = scale_up(format_.scale, wishes[b]);
        }
    }

    Scale large_scale(size_t at, size_t count) {
        float most = 0;
        double sums[8] = {};
        for (size_t i = 0; i < count; i += kTile) {
            const size_t length = std::min(kTile, count - i);
            const float* x = prepared(input_.values.data() + at + i, length, input_.divisor, staged_);
            if constexpr (kGrid == Grid::sign) add_magnitudes(x, padded(length, kPad), sums);
            if constexpr (kGrid != Grid::sign)
                most = std::max(most, largest_magnitude(x, padded(length, kPad)));
        }
        return kGrid == Grid::sign ? mean_scale(sums, count) : scale_up(format_.scale, most / kTop);
    }

    Scale mean_scale(const double* sums, size_t count) const {
        const double even = (sums[0] + sums[4]) + (sums[2] + sums[6]);
        const double odd = (sums[1] + sums[5]) + (sums[3] + sums[7]);
        return scale_nearest(format_.scale, static_cast<float>((even + odd) / static_cast<double>(count)));
    }

    // count elements of a tile, from element i on: their codes, one a byte.
    HWY_INLINE void round(const float* x, size_t i, size_t count, float scale) {
        uint8_t* codes = codes_ + i;
        if (scale == 0) {
            std::memset(codes, 0, count);
            return;
        }
        const VF by = hn::Set(DF(), scale);
        const size_t lanes = hn::Lanes(DF());
        if (input_.dither) {
            for (size_t k = 0; k < count; k += lanes) {
                const VU words = hn::LoadU(DU(), words_ + i + k);
                store_codes(Rounding::stochastic(hn::Div(load_floats(x + k), by), words), codes + k);
            }
        } else {
            for (size_t k = 0; k < count; k += lanes) {
                hwy::Prefetch(ahead_ + i + k);
                store_codes(Rounding::nearest(hn::Div(load_floats(x + k), by)), codes + k);
            }
        }
    }

    static HWY_INLINE void store_codes(VI codes, uint8_t* to) {
        hn::StoreU(hn::DemoteTo(D8(), codes), D8(), to);
    }

    void pack(size_t count) {
        const size_t from = padded(count, kPad), to = padded(count, kCodesAtOnce);
        std::memset(codes_ + from, 0, to - from);
        pack_codes<kBits>(codes_, to, packed_);
    }

    const BlockFormat& format_;
    const BlockInput& input_;
    const size_t block_;
    const float* ahead_ = nullptr;  // the next tile's values, fetched while this one's are rounded
    HWY_ALIGN float staged_[kTile];
    HWY_ALIGN uint32_t words_[kTile];
    HWY_ALIGN uint8_t codes_[kTile];
    HWY_ALIGN uint8_t packed_[kTile];
};

void encode_blocks_here(const BlockFormat& format, const BlockInput& input, std::byte* out) {
    switch (format.grid) {
        case Grid::int8: return BlockEncoder<Grid::int8, IntGrid<8>>(format, input).run(out);
        case Grid::int4: return BlockEncoder<Grid::int4, IntGrid<4>>(format, input).run(out);
        case Grid::int2: return BlockEncoder<Grid::int2, IntGrid<2>>(format, input).run(out);
        case Grid::e4m3: return BlockEncoder<Grid::e4m3, E4M3>(format, input).run(out);
        case Grid::e5m2: return BlockEncoder<Grid::e5m2, E5M2>(format, input).run(out);
        case Grid::e2m1: return BlockEncoder<Grid::e2m1, E2M1>(format, input).run(out);
        case Grid::e3m0: return BlockEncoder<Grid::e3m0, E3M0>(format, input).run(out);
        case Grid::sign: return BlockEncoder<Grid::sign, SignGrid>(format, input).run(out);
    }
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(encode_blocks_here);

void encode_blocks(const BlockFormat& format, const BlockInput& input, std::byte* out) {
    WHIM_ASSERT(format.block % 16 == 0 && input.first % 4 == 0);
    HWY_DYNAMIC_DISPATCH(encode_blocks_here)(format, input, out);
}

}  // namespace whim::kernels
#endif
