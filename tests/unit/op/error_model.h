// How far from exact a coding is on average, from docs/reference/codecs.md alone: each family's function
// names the section it follows. What an op makes of it: expected_error() in coded_matrix_test.cpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

namespace whim::op {

// The expected sum of squared errors when these elements, from their first, are coded once.
using ErrorModel = std::function<double(std::span<const float>)>;

inline double power_of(std::span<const float> x) {
    return std::accumulate(x.begin(), x.end(), 0.0, [](double sum, float v) { return sum + double{v} * v; });
}

// Section "Stochastic rounding": the lower neighbour a or the upper one b, right on average; to nearest: the
// nearer.
inline double squared(double y, double a, double b, bool stochastic) {
    const double below = y - a, above = b - y;
    return stochastic ? below * above : std::min(below * below, above * above);
}

// Section "Floats": so many bits of mantissa behind the leading one, evenly spaced below 2^exponent_min.
inline ErrorModel float_errors(int mantissa_bits, int exponent_min, bool stochastic = false) {
    return [=](std::span<const float> x) {
        double sum = 0;
        for (const float v : x) {
            const double y = std::fabs(static_cast<double>(v));
            const int exponent = y == 0 ? exponent_min : std::max(std::ilogb(y), exponent_min);
            const double step = std::ldexp(1.0, exponent - mantissa_bits);
            const double a = std::floor(y / step) * step;
            sum += squared(y, a, a + step, stochastic);
        }
        return sum;
    };
}

// What a block codec can say of its blocks.
struct BlockErrors {
    size_t block = 16;          // elements; SIZE_MAX: whole
    bool stochastic = false;    // round=stochastic
    bool power_of_two = false;  // scale=e8m0
};

inline double scale_of(double wish, const BlockErrors& format) {
    return format.power_of_two && wish > 0 ? std::exp2(std::ceil(std::log2(wish))) : wish;
}

template <class Of> double for_each_block(std::span<const float> x, size_t block, Of of) {
    double sum = 0;
    for (size_t at = 0; at < x.size(); at += std::min(block, x.size() - at))
        sum += of(x.subspan(at, std::min(block, x.size() - at)));
    return sum;
}

inline double distance(double y, const std::vector<double>& numbers, bool stochastic) {
    const auto above = std::lower_bound(numbers.begin(), numbers.end(), y);
    if (above == numbers.end()) return 0;
    return above == numbers.begin() ? squared(y, 0, *above, stochastic)
                                    : squared(y, *(above - 1), *above, stochastic);
}

// Section "Blocks": magnitudes over the scale, largest magnitude / top, go to these ascending numbers.
inline ErrorModel grid_errors(std::vector<double> numbers, BlockErrors format) {
    return [numbers = std::move(numbers), format](std::span<const float> x) {
        return for_each_block(x, format.block, [&](std::span<const float> block) {
            double most = 0, sum = 0;
            for (const float v : block) most = std::max(most, std::fabs(static_cast<double>(v)));
            const double scale = scale_of(most / numbers.back(), format);
            if (scale == 0) return 0.0;
            for (const float v : block)
                sum += distance(std::fabs(static_cast<double>(v)) / scale, numbers, format.stochastic);
            return sum * scale * scale;
        });
    };
}

// Section "Blocks", the table of grids.
inline std::vector<double> whole_numbers(int top) {
    std::vector<double> numbers(static_cast<size_t>(top) + 1);
    std::iota(numbers.begin(), numbers.end(), 0.0);
    return numbers;
}
inline std::vector<double> small_floats(int mantissa_bits, int exponent_min, double top) {
    std::vector<double> numbers = {0};
    for (int e = exponent_min; numbers.back() < top; ++e) {
        const double step = std::ldexp(1.0, e - mantissa_bits);
        for (int m = e == exponent_min ? 1 : 1 << mantissa_bits; m < 2 << mantissa_bits; ++m)
            if (m * step <= top && m * step > numbers.back()) numbers.push_back(m * step);
    }
    return numbers;
}
inline std::vector<double> e2m1_numbers() { return {0, .5, 1, 1.5, 2, 3, 4, 6}; }
inline std::vector<double> e3m0_numbers() { return {0, 0x1p-6, 0x1p-5, 0x1p-4, 0x1p-3, .25, .5, 1}; }

// Section "Affine": steps of (hi - lo) / levels from the least element.
inline ErrorModel affine_errors(int levels, BlockErrors format) {
    return [=](std::span<const float> x) {
        return for_each_block(x, format.block, [&](std::span<const float> block) {
            const auto [lo, hi] = std::minmax_element(block.begin(), block.end());
            const double scale = scale_of((double{*hi} - double{*lo}) / levels, format);
            double sum = 0;
            for (const float v : block) {
                const double y = scale == 0 ? 0 : (double{v} - double{*lo}) / scale;
                sum += squared(y, std::floor(y), std::floor(y) + 1, format.stochastic);
            }
            return sum * scale * scale;
        });
    };
}

// Section "Blocks": sign keeps the mean magnitude of each block.
inline ErrorModel sign_errors(size_t block) {
    return [=](std::span<const float> x) {
        return for_each_block(x, block, [&](std::span<const float> part) {
            double magnitudes = 0;
            for (const float v : part) magnitudes += std::fabs(static_cast<double>(v));
            return power_of(part) - magnitudes * magnitudes / static_cast<double>(part.size());
        });
    };
}

// Section "topk": what is dropped is all error; what is kept has that of the values' codec.
inline ErrorModel topk_errors(size_t denominator, size_t chunk, ErrorModel values) {
    return [=](std::span<const float> x) {
        return for_each_block(x, chunk, [&](std::span<const float> part) {
            std::vector<size_t> order(part.size());
            std::iota(order.begin(), order.end(), size_t{0});
            std::stable_sort(order.begin(), order.end(),
                             [&](size_t a, size_t b) { return std::fabs(part[a]) > std::fabs(part[b]); });
            order.resize((part.size() + denominator - 1) / denominator);
            std::sort(order.begin(), order.end());
            std::vector<float> kept;
            for (const size_t i : order) kept.push_back(part[i]);
            return values(kept) + power_of(part) - power_of(kept);
        });
    };
}

}  // namespace whim::op
