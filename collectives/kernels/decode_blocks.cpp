// Decoding of blocks, alone or into a sum, compiled once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collectives/kernels/decode_blocks.cpp"
#include <hwy/foreach_target.h>  // keep before highway.h

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "base/assert.h"
#include "collectives/kernels/blocks.h"
#include "collectives/kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Codes, one a byte, to numbers that the scale is still to be multiplied with.
template <Grid kGrid> HWY_INLINE VF numbers_of(const uint8_t* codes) {
    const auto bytes = hn::LoadU(D8(), codes);
    if constexpr (kGrid == Grid::e4m3) return float_of<4, 3, 7>(hn::PromoteTo(DU(), bytes));
    if constexpr (kGrid == Grid::e5m2) return float_of<5, 2, 15>(hn::PromoteTo(DU(), bytes));
    const hn::Rebind<int8_t, DF> signed8;
    return hn::ConvertTo(DF(), hn::PromoteTo(DI(), hn::BitCast(signed8, bytes)));
}

template <Grid kGrid, class Then> class BlockDecoder {
    static constexpr int kBits = grid_info(kGrid).bits;

public:
    BlockDecoder(const BlockFormat& format, Then then, std::span<float> out)
        : format_(format), then_(then), out_(out), block_(format.block_of(out.size())) {}

    void run(const std::byte* in) {
        const size_t count = out_.size();
        if (block_ > kTile) {
            for (size_t at = 0; at < count; at += block_)
                in = large_block(at, std::min(block_, count - at), in);
            return;
        }
        const size_t step = group_elements(block_);
        for (size_t at = 0; at < count; at += step) in = group(at, std::min(step, count - at), in);
    }

private:
    const std::byte* group(size_t at, size_t count, const std::byte* in) {
        float scales[kTileBlocks];
        uint8_t* packed = packed_;
        size_t blocks = 0;
        for (size_t i = 0; i < count; i += block_, ++blocks) {
            scales[blocks] = *load_scale(format_.scale, in) * grid_unit(kGrid);
            in += scale_bytes(format_.scale);
            const size_t bytes = (std::min(block_, count - i) * kBits + 7) / 8;
            copy_bytes(packed, reinterpret_cast<const uint8_t*>(in), bytes);
            packed += bytes;
            in += bytes;
        }
        unpack(count);
        for (size_t i = 0, b = 0; b < blocks; i += block_, ++b) {
            multiply(codes_ + i, std::min(block_, count - i), scales[b], out_.data() + at + i);
        }
        return in;
    }

    const std::byte* large_block(size_t at, size_t count, const std::byte* in) {
        const float scale = *load_scale(format_.scale, in) * grid_unit(kGrid);
        in += scale_bytes(format_.scale);
        for (size_t i = 0; i < count; i += kTile) {
            const size_t length = std::min(kTile, count - i);
            const size_t bytes = (length * kBits + 7) / 8;
            std::memcpy(packed_, in, bytes);
            in += bytes;
            unpack(length);
            multiply(codes_, length, scale, out_.data() + at + i);
        }
        return in;
    }

    // packed_ to codes_; grids of up to 4 bits become whole numbers by their table.
    void unpack(size_t count) {
        const size_t to = padded(count, kCodesAtOnce);
        unpack_codes<kBits>(packed_, to, codes_);
        if constexpr (kBits <= 4) {
            HWY_ALIGN static constexpr GridTable kTable = grid_table(kGrid);
#if HWY_TARGET == HWY_SCALAR
            for (size_t i = 0; i < to; ++i) codes_[i] = static_cast<uint8_t>(kTable[codes_[i]]);
#else
            const hn::CappedTag<uint8_t, kCodesAtOnce> d8;
            const auto table = hn::LoadDup128(d8, reinterpret_cast<const uint8_t*>(kTable.data()));
            for (size_t i = 0; i < to; i += hn::Lanes(d8)) {
                hn::Store(hn::TableLookupBytes(table, hn::Load(d8, codes_ + i)), d8, codes_ + i);
            }
#endif
        }
    }

    HWY_INLINE void multiply(const uint8_t* codes, size_t count, float scale, float* out) const {
        const VF by = hn::Set(DF(), scale);
        const size_t lanes = hn::Lanes(DF());
        const auto left = static_cast<size_t>(out_.data() + out_.size() - out);
        size_t i = 0;
        for (; i + lanes <= count; i += lanes) {
            hwy::Prefetch(out + std::min(i + kTile, left));  // in the next tile
            hn::StoreU(then_(hn::Mul(numbers_of<kGrid>(codes + i), by), out + i), DF(), out + i);
        }
        if (i == count) return;
        float staged[kPad] = {};  // the last elements, fewer than a vector
        std::memcpy(staged, out + i, (count - i) * sizeof(float));
        hn::StoreU(then_(hn::Mul(numbers_of<kGrid>(codes + i), by), staged), DF(), staged);
        std::memcpy(out + i, staged, (count - i) * sizeof(float));
    }

    const BlockFormat& format_;
    const Then then_;
    const std::span<float> out_;
    const size_t block_;
    HWY_ALIGN uint8_t codes_[kTile + kPad];
    HWY_ALIGN uint8_t packed_[kTile] = {};
};

template <class Then>
void decode_grid(const BlockFormat& format, const std::byte* in, Then then, std::span<float> out) {
    switch (format.grid) {
        case Grid::int8: return BlockDecoder<Grid::int8, Then>(format, then, out).run(in);
        case Grid::int4: return BlockDecoder<Grid::int4, Then>(format, then, out).run(in);
        case Grid::int2: return BlockDecoder<Grid::int2, Then>(format, then, out).run(in);
        case Grid::e4m3: return BlockDecoder<Grid::e4m3, Then>(format, then, out).run(in);
        case Grid::e5m2: return BlockDecoder<Grid::e5m2, Then>(format, then, out).run(in);
        case Grid::e2m1: return BlockDecoder<Grid::e2m1, Then>(format, then, out).run(in);
        case Grid::e3m0: return BlockDecoder<Grid::e3m0, Then>(format, then, out).run(in);
        case Grid::sign: return BlockDecoder<Grid::sign, Then>(format, then, out).run(in);
    }
}

void decode_blocks_here(const BlockFormat& format, const std::byte* in, std::span<float> out) {
    decode_grid(format, in, Put{}, out);
}

void accumulate_blocks_here(const BlockFormat& format, const std::byte* in, float weight,
                            std::span<float> acc) {
    decode_grid(format, in, AddTo{weight}, acc);
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(decode_blocks_here);
HWY_EXPORT(accumulate_blocks_here);

void decode_blocks(const BlockFormat& format, const std::byte* in, std::span<float> out) {
    WHIM_ASSERT(format.block % 16 == 0);
    HWY_DYNAMIC_DISPATCH(decode_blocks_here)(format, in, out);
}

void accumulate_blocks(const BlockFormat& format, const std::byte* in, float weight, std::span<float> acc) {
    WHIM_ASSERT(format.block % 16 == 0);
    HWY_DYNAMIC_DISPATCH(accumulate_blocks_here)(format, in, weight, acc);
}

}  // namespace whim::kernels
#endif
