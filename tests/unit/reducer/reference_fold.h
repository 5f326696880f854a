// The fold written one element at a time from the text of reducer/fold.h, for tests to compare against.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <span>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "base/dtype.h"
#include "collectives/kernels/half.h"
#include "collectives/reducer/fold.h"

namespace whim::test {

template <class T> T load(ByteSpan bytes, size_t index) {
    T value;
    std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
    return value;
}

template <class T> void store(MutableByteSpan bytes, size_t index, T value) {
    std::memcpy(bytes.data() + index * sizeof(T), &value, sizeof(T));
}

// A NaN of any payload becomes the canonical one.
inline float canonical(float x) { return std::isnan(x) ? std::bit_cast<float>(kNanF32) : x; }
inline double canonical(double x) { return std::isnan(x) ? std::bit_cast<double>(kNanF64) : x; }

template <class A> A extreme(A a, A b, bool least) {
    if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<A>::quiet_NaN();
    if (a == b) return std::signbit(a) == least ? a : b;
    return (a < b) == least ? a : b;
}

// The arithmetic of one float element. Values are volatile so that no compiler fuses a product with a sum.
template <class A> A fold_float(Reduce reduce, std::span<const A> xs, std::span<const float> weights) {
    volatile A acc = xs[0];
    volatile A weight_sum = weights[0];
    if (reduce == Reduce::avg) acc = static_cast<A>(weights[0]) * xs[0];
    for (size_t k = 1; k < xs.size(); ++k) {
        volatile A product = static_cast<A>(weights[k]) * xs[k];
        if (reduce == Reduce::sum) acc = acc + xs[k];
        if (reduce == Reduce::avg) acc = acc + product;
        if (reduce == Reduce::min) acc = extreme<A>(acc, xs[k], true);
        if (reduce == Reduce::max) acc = extreme<A>(acc, xs[k], false);
        weight_sum = weight_sum + static_cast<A>(weights[k]);
    }
    if (reduce == Reduce::avg) acc = acc / weight_sum;
    return canonical(static_cast<A>(acc));
}

template <class T> T fold_integer(Reduce reduce, std::span<const T> xs) {
    if (reduce == Reduce::min) return *std::min_element(xs.begin(), xs.end());
    if (reduce == Reduce::max) return *std::max_element(xs.begin(), xs.end());
    if (reduce == Reduce::majority) {
        std::map<T, int> counts;
        for (const T x : xs) ++counts[x];
        return std::max_element(counts.begin(), counts.end(),
                                [](auto& a, auto& b) { return a.second < b.second; })
            ->first;
    }
    uint64_t sum = 0;
    for (const T x : xs) sum += static_cast<uint64_t>(x);
    return static_cast<T>(sum);
}

// Element, accumulator, and the way from one to the other.
template <class T, class A, class FromElement, class ToElement>
void reference_floats(Reduce reduce, std::span<const FoldInput> inputs, MutableByteSpan out,
                      FromElement widen, ToElement narrow) {
    std::vector<float> weights;
    for (const FoldInput& input : inputs) weights.push_back(input.weight);
    for (size_t i = 0; i < out.size() / sizeof(T); ++i) {
        std::vector<A> xs;
        for (const FoldInput& input : inputs) xs.push_back(widen(load<T>(input.bytes, i)));
        store<T>(out, i, narrow(fold_float<A>(reduce, xs, weights)));
    }
}

template <class T>
void reference_integers(Reduce reduce, std::span<const FoldInput> inputs, MutableByteSpan out) {
    for (size_t i = 0; i < out.size() / sizeof(T); ++i) {
        std::vector<T> xs;
        for (const FoldInput& input : inputs) xs.push_back(load<T>(input.bytes, i));
        store<T>(out, i, fold_integer<T>(reduce, xs));
    }
}

inline void reference_fold(Reduce reduce, Dtype dtype, std::span<const FoldInput> inputs,
                           MutableByteSpan out) {
    const auto same = [](auto x) { return x; };
    if (reduce == Reduce::copy || (inputs.size() == 1 && reduce != Reduce::avg)) {
        std::copy(inputs[0].bytes.begin(), inputs[0].bytes.end(), out.begin());
        return;
    }
    switch (dtype) {
        case Dtype::f32: return reference_floats<float, float>(reduce, inputs, out, same, same);
        case Dtype::f64: return reference_floats<double, double>(reduce, inputs, out, same, same);
        case Dtype::f16:
            return reference_floats<uint16_t, float>(reduce, inputs, out, f32_from_f16, f16_from_f32);
        case Dtype::bf16:
            return reference_floats<uint16_t, float>(reduce, inputs, out, f32_from_bf16, bf16_from_f32);
        case Dtype::i8: return reference_integers<int8_t>(reduce, inputs, out);
        case Dtype::i16: return reference_integers<int16_t>(reduce, inputs, out);
        case Dtype::i32: return reference_integers<int32_t>(reduce, inputs, out);
        case Dtype::i64: return reference_integers<int64_t>(reduce, inputs, out);
        case Dtype::u8: return reference_integers<uint8_t>(reduce, inputs, out);
        case Dtype::u16: return reference_integers<uint16_t>(reduce, inputs, out);
        case Dtype::u32: return reference_integers<uint32_t>(reduce, inputs, out);
        case Dtype::u64: return reference_integers<uint64_t>(reduce, inputs, out);
    }
}

}  // namespace whim::test
