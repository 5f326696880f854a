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

template <class Format> class Mixer {
    using Acc = typename Format::Acc;
    using D = hn::CappedTag<Acc, 64>;
    using V = hn::Vec<D>;
    static constexpr size_t kStagedBytes = 64 * sizeof(Acc);

public:
    Mixer(const MixStep& step, MutableByteSpan out) : step_(step), out_(out) {}

    void run() const {
        const D d;
        const size_t width = hn::Lanes(d) * Format::kBytes;
        for (size_t at = 0; at < out_.size(); at += width) {
            V mixed = averages() ? average(at) : moved(at);
            if (step_.omega != 1.0f) {
                const V before = load(step_.previous, at);
                mixed = hn::Add(before, hn::Mul(set(step_.omega), hn::Sub(mixed, before)));
            }
            store(mixed, at);
        }
    }

private:
    static HWY_INLINE V set(float x) { return hn::Set(D(), static_cast<Acc>(x)); }

    // The elements from `at` on, as many as a vector holds or the rest, with zeros behind them.
    static HWY_INLINE V load(ByteSpan from, size_t at) {
        if (from.size() - at >= hn::Lanes(D()) * Format::kBytes) return Format::load(D(), from.data() + at);
        std::byte staged[kStagedBytes] = {};
        std::memcpy(staged, from.data() + at, from.size() - at);
        return Format::load(D(), staged);
    }

    HWY_INLINE void store(V v, size_t at) const {
        if (out_.size() - at >= hn::Lanes(D()) * Format::kBytes)
            return Format::store(D(), v, out_.data() + at);
        std::byte staged[kStagedBytes];
        Format::store(D(), v, staged);
        std::memcpy(out_.data() + at, staged, out_.size() - at);
    }

    bool averages() const {
        return step_.shown.empty() && step_.inputs.size() == 1 && step_.inputs[0].weight == 0.5f;
    }
    HWY_INLINE V average(size_t at) const {
        return hn::Mul(set(0.5f), hn::Add(load(step_.own, at), load(step_.inputs[0].values, at)));
    }

    HWY_INLINE V moved(size_t at) const {
        const V own = load(step_.own, at);
        const V shown = step_.shown.empty() ? own : load(step_.shown, at);
        V sum = own;
        for (const MixInput& input : step_.inputs)
            sum = hn::Add(sum, hn::Mul(set(input.weight), hn::Sub(load(input.values, at), shown)));
        return sum;
    }

    const MixStep& step_;
    MutableByteSpan out_;
};

void mix_all(const MixStep& step, MutableByteSpan out) {
    switch (step.dtype) {
        case Dtype::f64: return Mixer<F64>(step, out).run();
        case Dtype::f16: return Mixer<F16>(step, out).run();
        case Dtype::bf16: return Mixer<Bf16>(step, out).run();
        default: return Mixer<F32>(step, out).run();
    }
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(mix_all);

void mix(const MixStep& step, MutableByteSpan out) {
    WHIM_ASSERT(dtype_is_float(step.dtype) && step.own.size() == out.size() &&
                out.size() % dtype_bytes(step.dtype) == 0);
    for (const MixInput& input : step.inputs) WHIM_ASSERT(input.values.size() == out.size());
    WHIM_ASSERT(step.shown.empty() || step.shown.size() == out.size());
    WHIM_ASSERT(step.omega == 1.0f || step.previous.size() == out.size());
    HWY_DYNAMIC_DISPATCH(mix_all)(step, out);
}

}  // namespace whim::kernels
#endif
