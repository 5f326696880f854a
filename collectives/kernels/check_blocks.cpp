// The look at bytes that came over the network: eight at a time, in plain integers.
#include <cstring>

#include "collectives/kernels/blocks.h"

namespace whim::kernels {
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
    for (size_t at = 0, block = 0; at < count; at += each, ++block) {
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
