// The grids that the elements of a block are rounded to. An element divided by the block's scale becomes a
// code; a code times the scale is the element again.
//
//   int8, int4, int2   whole numbers in two's complement, symmetric: -127..127, -7..7, -1..1
//   e4m3, e5m2         8-bit floats: sign, exponent (bias 7, 15), mantissa; up to 448 and 57344
//   e2m1               0, .5, 1, 1.5, 2, 3, 4, 6 with a sign bit
//   e3m0               0, 1/64, 1/32 .. 1/2, 1 with a sign bit; halfway rounds up, elsewhere to the even code
//   sign               +1 or -1; the scale is the mean magnitude
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace whim {

enum class Grid : uint8_t { int8, int4, int2, e4m3, e5m2, e2m1, e3m0, sign };
inline constexpr size_t kGridCount = 8;

struct GridInfo {
    std::string_view name;
    int bits;            // of a code
    float top;           // the largest number
    size_t block;        // elements of a block unless said otherwise
    bool negative_zero;  // whether a code with only the sign bit is made
};

constexpr GridInfo grid_info(Grid grid) {
    switch (grid) {
        case Grid::int8: return {"int8", 8, 127, 256, false};
        case Grid::int4: return {"int4", 4, 7, 32, false};
        case Grid::int2: return {"int2", 2, 1, 32, false};
        case Grid::e4m3: return {"e4m3", 8, 448, 128, true};
        case Grid::e5m2: return {"e5m2", 8, 57344, 128, true};
        case Grid::e2m1: return {"e2m1", 4, 6, 16, true};
        case Grid::e3m0: return {"e3m0", 4, 1, 32, true};
        case Grid::sign: return {"sign", 1, 1, 256, false};
    }
    return {};
}

// For grids of up to 4 bits: the number of each code, in units of grid_unit. All are small whole numbers.
using GridTable = std::array<int8_t, 16>;

constexpr GridTable grid_table(Grid grid) {
    switch (grid) {
        case Grid::int4: return {0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1};
        case Grid::int2: return {0, 1, -2, -1};
        case Grid::e2m1: return {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
        case Grid::e3m0: return {0, 1, 2, 4, 8, 16, 32, 64, 0, -1, -2, -4, -8, -16, -32, -64};
        case Grid::sign: return {1, -1};
        default: return {};
    }
}

constexpr float grid_unit(Grid grid) {
    return grid == Grid::e2m1 ? 0.5f : grid == Grid::e3m0 ? 0x1p-6f : 1.0f;
}

}  // namespace whim
