// Gossip's element loops as vector code, compiled once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collectives/kernels/mix.cpp"
#include <hwy/foreach_target.h>  // keep before highway.h

#include <hwy/highway.h>

#include <cstring>

#include "base/assert.h"
#include "collectives/kernels/formats-inl.h"
#include "collectives/kernels/mix.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 64>;
using V = hn::Vec<D>;
constexpr size_t kLanesMax = 64;

// The elements from `at` on, as many as a vector holds or the rest, with zeros behind them.
HWY_INLINE V load_at(std::span<const float> from, size_t at) {
    const std::span<const std::byte> bytes = std::as_bytes(from.subspan(at));
    if (from.size() - at >= hn::Lanes(D())) return F32::load(D(), bytes.data());
    std::byte staged[kLanesMax * sizeof(float)] = {};
    std::memcpy(staged, bytes.data(), bytes.size());
    return F32::load(D(), staged);
}

HWY_INLINE void store_at(V v, std::span<float> to, size_t at) {
    const std::span<std::byte> bytes = std::as_writable_bytes(to.subspan(at));
    if (to.size() - at >= hn::Lanes(D())) return F32::store(D(), v, bytes.data());
    std::byte staged[kLanesMax * sizeof(float)];
    F32::store(D(), v, staged);
    std::memcpy(bytes.data(), staged, bytes.size());
}

void mix_all(std::span<const float> own, std::span<const MixInput> inputs, std::span<float> out) {
    const D d;
    for (size_t i = 0; i < out.size(); i += hn::Lanes(d)) {
        const V start = load_at(own, i);
        V sum = start;
        for (const MixInput& input : inputs) {
            const V difference = hn::Sub(load_at(input.values, i), start);
            sum = hn::Add(sum, hn::Mul(hn::Set(d, input.weight), difference));
        }
        store_at(sum, out, i);
    }
}

void average_pair(std::span<const float> a, std::span<const float> b, std::span<float> out) {
    const D d;
    for (size_t i = 0; i < out.size(); i += hn::Lanes(d)) {
        store_at(hn::Mul(hn::Set(d, 0.5f), hn::Add(load_at(a, i), load_at(b, i))), out, i);
    }
}

void step_chebyshev(float omega, std::span<const float> mixed, std::span<const float> previous,
                    std::span<float> out) {
    const D d;
    for (size_t i = 0; i < out.size(); i += hn::Lanes(d)) {
        const V before = load_at(previous, i);
        const V change = hn::Sub(load_at(mixed, i), before);
        store_at(hn::Add(before, hn::Mul(hn::Set(d, omega), change)), out, i);
    }
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(mix_all);
HWY_EXPORT(average_pair);
HWY_EXPORT(step_chebyshev);

void mix(std::span<const float> own, std::span<const MixInput> inputs, std::span<float> out) {
    WHIM_ASSERT(own.size() == out.size());
    for (const MixInput& input : inputs) WHIM_ASSERT(input.values.size() == out.size());
    const bool pair = inputs.size() == 1 && inputs[0].weight == 0.5f;
    if (pair) HWY_DYNAMIC_DISPATCH(average_pair)(own, inputs[0].values, out);
    else HWY_DYNAMIC_DISPATCH(mix_all)(own, inputs, out);
}

void chebyshev_step(float omega, std::span<const float> mixed, std::span<const float> previous,
                    std::span<float> out) {
    WHIM_ASSERT(mixed.size() == out.size() && previous.size() == out.size());
    HWY_DYNAMIC_DISPATCH(step_chebyshev)(omega, mixed, previous, out);
}

}  // namespace whim::kernels
#endif
