// A good reducer as an application would make one, for tests: the median of each element, the mean of the
// middle two when there is an even number.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>

#include "collectives/reducer/custom_reducer.h"

namespace whim::test {

inline float input_at(const FoldInput& input, size_t i) {
    float x;
    std::memcpy(&x, input.bytes.data() + i * sizeof x, sizeof x);
    return x;
}

inline bool median(const Contributions& in, MutableByteSpan out) {
    std::vector<float> column(in.inputs.size());
    for (size_t i = 0; i < out.size() / sizeof(float); ++i) {
        for (size_t k = 0; k < column.size(); ++k) column[k] = input_at(in.inputs[k], i);
        const auto below = [](float a, float b) {  // NaN last: an order for all floats
            return a != a ? false : b != b ? true : a < b;
        };
        std::stable_sort(column.begin(), column.end(), below);
        const size_t n = column.size();
        const float middle = n % 2 == 1 ? column[n / 2] : 0.5f * column[n / 2 - 1] + 0.5f * column[n / 2];
        std::memcpy(out.data() + i * sizeof middle, &middle, sizeof middle);
    }
    return true;
}

inline ReducerParts median_parts() {
    ReducerParts parts;
    parts.name = "test-median";
    parts.dtypes = 1u << static_cast<uint32_t>(Dtype::f32);
    parts.elementwise = true;
    parts.reduce = median;
    return parts;
}

inline ReducerPtr median_reducer() { return std::make_shared<CustomReducer>(median_parts()); }

}  // namespace whim::test
