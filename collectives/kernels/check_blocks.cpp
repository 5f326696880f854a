// The look at bytes that came over the network: a vector at a time, as they are nearly always right. What is
// wrong where is found eight bytes at a time, in plain integers.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collectives/kernels/check_blocks.cpp"
#include <hwy/foreach_target.h>  // keep before highway.h

#include <hwy/highway.h>

#include <cstring>

#include "collectives/kernels/blocks.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr bool grid_has_foreign_codes(Grid grid) {
    return grid != Grid::e2m1 && grid != Grid::e3m0 && grid != Grid::sign;
}

// Codes that no encoder makes leave bits in a byte.
template <Grid kGrid, class D> HWY_INLINE hn::Vec<D> foreign_bytes(D d, hn::Vec<D> codes) {
    const auto same = [&](uint8_t code, uint8_t of) HWY_ATTR {
        return hn::VecFromMask(d, hn::Eq(hn::And(codes, hn::Set(d, of)), hn::Set(d, code)));
    };
    const auto carried = [&](uint8_t added) HWY_ATTR {  // out of a magnitude, into its sign
        return hn::And(hn::Add(hn::And(codes, hn::Set(d, 0x7f)), hn::Set(d, added)), hn::Set(d, 0x80));
    };
    switch (kGrid) {
        case Grid::int8: return same(0x80, 0xff);
        case Grid::int4: return hn::Or(same(0x08, 0x0f), same(0x80, 0xf0));
        case Grid::int2: return hn::And(hn::AndNot(hn::Add(codes, codes), codes), hn::Set(d, 0xaa));
        case Grid::e4m3: return carried(0x01);
        case Grid::e5m2: return carried(0x04);
        case Grid::e2m1:
        case Grid::e3m0:
        case Grid::sign: break;  // every code is a number
    }
    return hn::Zero(d);
}

// What is foreign among as many bytes as a vector has, or more.
template <Grid kGrid, class D> HWY_INLINE hn::Vec<D> foreign_in(D d, const uint8_t* codes, size_t bytes) {
    const size_t lanes = hn::Lanes(d);
    auto foreign = foreign_bytes<kGrid>(d, hn::LoadU(d, codes + bytes - lanes));
    for (size_t i = 0; i + lanes < bytes; i += lanes)
        foreign = hn::Or(foreign, foreign_bytes<kGrid>(d, hn::LoadU(d, codes + i)));
    return foreign;
}

struct UsualBlocks {
    size_t blocks, code_bytes;
    uint32_t least, most;  // scales as they are written, but zero

    template <Grid kGrid, size_t kScaleBytes, class D> bool all(D d, const uint8_t* in) const {
        auto foreign = hn::Zero(d);
        bool usual = true;
        for (size_t b = 0; b < blocks; ++b) {
            uint32_t scale = 0;
            std::memcpy(&scale, in, kScaleBytes);
            const uint8_t* codes = in + kScaleBytes;
            if constexpr (grid_has_foreign_codes(kGrid))
                foreign = hn::Or(foreign, foreign_in<kGrid>(d, codes, code_bytes));
            usual &= scale - least <= most - least || (scale == 0 && zeros(codes));
            in = codes + code_bytes;
        }
        return usual && hn::AllTrue(d, hn::Eq(foreign, hn::Zero(d)));
    }

    bool zeros(const uint8_t* codes) const {
        uint8_t any = 0;
        for (size_t i = 0; i < code_bytes; ++i) any |= codes[i];
        return any == 0;
    }
};

template <Grid kGrid, size_t kScaleBytes> bool usual_grid(const UsualBlocks& blocks, const uint8_t* in) {
    if (blocks.code_bytes >= 64) return blocks.all<kGrid, kScaleBytes>(hn::CappedTag<uint8_t, 64>(), in);
    if (blocks.code_bytes >= 16) return blocks.all<kGrid, kScaleBytes>(hn::CappedTag<uint8_t, 16>(), in);
    return blocks.code_bytes >= 8 && blocks.all<kGrid, kScaleBytes>(hn::CappedTag<uint8_t, 8>(), in);
}

template <size_t kScaleBytes> bool usual(Grid grid, const UsualBlocks& blocks, const uint8_t* in) {
    switch (grid) {
        case Grid::int8: return usual_grid<Grid::int8, kScaleBytes>(blocks, in);
        case Grid::int4: return usual_grid<Grid::int4, kScaleBytes>(blocks, in);
        case Grid::int2: return usual_grid<Grid::int2, kScaleBytes>(blocks, in);
        case Grid::e4m3: return usual_grid<Grid::e4m3, kScaleBytes>(blocks, in);
        case Grid::e5m2: return usual_grid<Grid::e5m2, kScaleBytes>(blocks, in);
        case Grid::e2m1:
        case Grid::e3m0:
        case Grid::sign: return usual_grid<Grid::sign, kScaleBytes>(blocks, in);
    }
    return false;
}

// Whether all of so many whole blocks are right; they may be when it says no.
bool usual_blocks_here(const BlockFormat& format, const std::byte* in, size_t blocks, size_t elements) {
    const size_t scale = scale_bytes(format.scale);
    const UsualBlocks whole{blocks, format.block_bytes(elements) - scale,
                            scale_up(format.scale, kScaleMin).bits,
                            scale_up(format.scale, scale_max(format.scale, grid_info(format.grid).top)).bits};
    const auto* bytes = reinterpret_cast<const uint8_t*>(in);
    if (scale == 1) return usual<1>(format.grid, whole, bytes);
    if (scale == 2) return usual<2>(format.grid, whole, bytes);
    return usual<4>(format.grid, whole, bytes);
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(usual_blocks_here);

namespace {

constexpr uint64_t repeated(uint8_t byte) { return 0x0101010101010101ull * byte; }

// Zero unless one of eight bytes holds a code that no encoder makes.
template <Grid kGrid> inline uint64_t foreign_codes(uint64_t word) {
    const uint64_t magnitudes = word & repeated(0x7f);
    switch (kGrid) {
        case Grid::int8: {  // -128
            uint64_t t = word ^ repeated(0x80);
            t |= t >> 4;
            t |= t >> 2;
            t |= t >> 1;
            return ~t & repeated(0x01);
        }
        case Grid::int4: {  // -8
            const uint64_t t = word ^ repeated(0x88);
            return ~(t | t >> 1 | t >> 2 | t >> 3) & repeated(0x11);
        }
        case Grid::int2: return word & ~(word << 1) & repeated(0xaa);            // -2
        case Grid::e4m3: return (magnitudes + repeated(0x01)) & repeated(0x80);  // NaN
        case Grid::e5m2: return (magnitudes + repeated(0x04)) & repeated(0x80);  // infinity and NaN
        case Grid::e2m1:
        case Grid::e3m0:
        case Grid::sign: break;
    }
    return 0;
}

// The 1 to 8 bytes from there on; what is missing is zero, a code of every grid.
uint64_t word_at(const std::byte* from, size_t bytes) {
    uint64_t word = 0;
    std::memcpy(&word, from, std::min<size_t>(bytes, 8));
    return word;
}

template <Grid kGrid> BlockFault check_codes(const std::byte* codes, size_t bytes, bool zero_scale) {
    uint64_t foreign = 0, any = 0;
    size_t i = 0;
    for (; i + 8 <= bytes; i += 8) {
        const uint64_t word = word_at(codes + i, 8);
        foreign |= foreign_codes<kGrid>(word);
        any |= word;
    }
    if (i < bytes) {
        const uint64_t word = word_at(codes + i, bytes - i);
        foreign |= foreign_codes<kGrid>(word);
        any |= word;
    }
    if (foreign != 0) return BlockFault::code;
    return zero_scale && any != 0 ? BlockFault::zero_scale : BlockFault::none;
}

template <Grid kGrid>
BlockFault check_block(const BlockFormat& format, float largest, const std::byte* in, size_t elements) {
    const auto scale = load_scale(format.scale, in);
    if (!scale || *scale > largest) return BlockFault::scale;
    const std::byte* codes = in + scale_bytes(format.scale);
    const size_t bits = elements * static_cast<size_t>(grid_info(kGrid).bits);
    const size_t bytes = (bits + 7) / 8;
    if (bits % 8 != 0 && static_cast<unsigned>(codes[bytes - 1]) >> (bits % 8) != 0)
        return BlockFault::padding;
    return check_codes<kGrid>(codes, bytes, *scale == 0);
}

template <Grid kGrid> BlockVerdict check_all(const BlockFormat& format, const std::byte* in, size_t count) {
    const size_t each = format.block_of(count);
    const float largest = scale_max(format.scale, grid_info(kGrid).top);
    size_t block = 0;
    const size_t whole = each * grid_info(kGrid).bits % 8 == 0 ? count / each : 0;
    if (HWY_DYNAMIC_DISPATCH(usual_blocks_here)(format, in, whole, each)) {
        in += whole * format.block_bytes(each);
        block = whole;
    }
    for (size_t at = block * each; at < count; at += each, ++block) {
        const size_t elements = std::min(each, count - at);
        const BlockFault fault = check_block<kGrid>(format, largest, in, elements);
        if (fault != BlockFault::none) return {fault, block};
        in += format.block_bytes(elements);
    }
    return {};
}

}  // namespace

BlockVerdict check_blocks(const BlockFormat& format, const std::byte* in, size_t count) {
    switch (format.grid) {
        case Grid::int8: return check_all<Grid::int8>(format, in, count);
        case Grid::int4: return check_all<Grid::int4>(format, in, count);
        case Grid::int2: return check_all<Grid::int2>(format, in, count);
        case Grid::e4m3: return check_all<Grid::e4m3>(format, in, count);
        case Grid::e5m2: return check_all<Grid::e5m2>(format, in, count);
        case Grid::e2m1: return check_all<Grid::e2m1>(format, in, count);
        case Grid::e3m0: return check_all<Grid::e3m0>(format, in, count);
        case Grid::sign: return check_all<Grid::sign>(format, in, count);
    }
    return {};
}

}  // namespace whim::kernels
#endif
