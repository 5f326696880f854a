// Checks of fold's contract, and the reductions that do no arithmetic.
#include "collectives/reducer/fold.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/assert.h"
#include "base/limits.h"
#include "collectives/kernels/finite.h"

namespace whim {
namespace {

// The most frequent of the values, ties to the smallest. Sorts them.
template <class T> T most_frequent(std::span<T> values) {
    std::sort(values.begin(), values.end());
    T best = values[0];
    size_t best_count = 0;
    for (size_t begin = 0; begin < values.size();) {
        size_t end = begin + 1;
        while (end < values.size() && values[end] == values[begin]) ++end;
        if (end - begin > best_count) {
            best = values[begin];
            best_count = end - begin;
        }
        begin = end;
    }
    return best;
}

template <class T> void fold_majority(std::span<const FoldInput> inputs, MutableByteSpan out) {
    T values[limits::kMembersMax] = {};
    for (size_t at = 0; at < out.size(); at += sizeof(T)) {
        for (size_t k = 0; k < inputs.size(); ++k)
            std::memcpy(&values[k], inputs[k].bytes.data() + at, sizeof(T));
        const T value = most_frequent(std::span(values).first(inputs.size()));
        std::memcpy(out.data() + at, &value, sizeof(T));
    }
}

void fold_majority(Dtype dtype, std::span<const FoldInput> inputs, MutableByteSpan out) {
    switch (dtype) {
        case Dtype::i8: return fold_majority<int8_t>(inputs, out);
        case Dtype::i16: return fold_majority<int16_t>(inputs, out);
        case Dtype::i32: return fold_majority<int32_t>(inputs, out);
        case Dtype::i64: return fold_majority<int64_t>(inputs, out);
        case Dtype::u8: return fold_majority<uint8_t>(inputs, out);
        case Dtype::u16: return fold_majority<uint16_t>(inputs, out);
        case Dtype::u32: return fold_majority<uint32_t>(inputs, out);
        case Dtype::u64: return fold_majority<uint64_t>(inputs, out);
        case Dtype::f32:
        case Dtype::f64:
        case Dtype::f16:
        case Dtype::bf16: break;
    }
    WHIM_ASSERT(!"majority is for integers");
}

void check_f32(std::span<const FoldInput> inputs, MutableByteSpan out) {
    WHIM_ASSERT(!inputs.empty() && inputs.size() <= limits::kMembersMax && out.size() % sizeof(float) == 0);
    for (const FoldInput& input : inputs) WHIM_ASSERT(input.bytes.size() == out.size());
}

void copy_first(std::span<const FoldInput> inputs, MutableByteSpan out) {
    std::memmove(out.data(), inputs[0].bytes.data(), out.size());
}

}  // namespace

void fold(Reduce reduce, Dtype dtype, std::span<const FoldInput> inputs, MutableByteSpan out) {
    WHIM_ASSERT(!inputs.empty() && inputs.size() <= limits::kMembersMax);
    WHIM_ASSERT(reduce_supports(reduce, dtype));
    WHIM_ASSERT(out.size() % dtype_bytes(dtype) == 0);
    for (const FoldInput& input : inputs) WHIM_ASSERT(input.bytes.size() == out.size());
    if (out.empty()) return;

    const bool returns_first = reduce == Reduce::copy || (inputs.size() == 1 && reduce != Reduce::avg);
    if (returns_first) return copy_first(inputs, out);
    if (reduce == Reduce::majority) return fold_majority(dtype, inputs, out);
    if (dtype_is_float(dtype)) return kernels::fold_floats(reduce, dtype, inputs, out);
    kernels::fold_integers(reduce, dtype, inputs, out);
}

void fold_partial_avg(std::span<const FoldInput> inputs, MutableByteSpan out) {
    check_f32(inputs, out);
    if (!out.empty()) kernels::fold_weighted(inputs, 0.0f, out);
}

void fold_partials(std::span<const FoldInput> inputs, float weight_sum, MutableByteSpan out) {
    WHIM_ASSERT(weight_sum > 0.0f);
    check_f32(inputs, out);
    if (!out.empty()) kernels::fold_weighted(inputs, weight_sum, out);
}

std::optional<size_t> first_non_finite(Dtype dtype, ByteSpan bytes) {
    WHIM_ASSERT(bytes.size() % dtype_bytes(dtype) == 0);
    if (!dtype_is_float(dtype)) return std::nullopt;
    return kernels::first_non_finite_float(dtype, bytes);
}

Status check_weights(std::span<const float> weights) {
    float sum = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
        const float weight = weights[i];
        if (!std::isfinite(weight) || weight < 0) {
            return fail(Code::E_WEIGHTS,
                        fmt::format("weight {} is {}; weights are finite and not negative", i, weight));
        }
        sum += weight;
    }
    if (!std::isfinite(sum)) return fail(Code::E_WEIGHTS, "the sum of the weights overflows");
    if (sum == 0) return fail(Code::E_WEIGHTS, fmt::format("all {} weights are zero", weights.size()));
    return {};
}

}  // namespace whim
