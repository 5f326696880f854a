// The fold itself, once per instruction set: for each block, the first inputs start an accumulator that stays
// in the L1 cache, every further input is added in order, and with the last one the block is stored. So each
// input is read once, from start to end, however many there are, and the output may be the memory of one
// input.
#if defined(WHIM_KERNELS_FOLD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WHIM_KERNELS_FOLD_INL_H_
#undef WHIM_KERNELS_FOLD_INL_H_
#else
#define WHIM_KERNELS_FOLD_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "collectives/kernels/fold.h"
#include "collectives/kernels/formats-inl.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Each rule: start with the first input, step with each further one, finish. w is the input's weight.
struct Sum {
    static constexpr bool kWeighted = false;
    template <class V> static HWY_INLINE V start(V x, V) { return x; }
    template <class V> static HWY_INLINE V step(V acc, V x, V) { return hn::Add(acc, x); }
    template <class V> static HWY_INLINE V finish(V acc, V) { return acc; }
};

// Product and sum are separate operations: fused ones round once, and not every machine has them.
struct Avg {
    static constexpr bool kWeighted = true;
    template <class V> static HWY_INLINE V start(V x, V w) { return hn::Mul(x, w); }
    template <class V> static HWY_INLINE V step(V acc, V x, V w) { return hn::Add(acc, hn::Mul(x, w)); }
    template <class V> static HWY_INLINE V finish(V acc, V weight_sum) { return hn::Div(acc, weight_sum); }
};

// Of a partial sum: what Avg has before it divides.
struct WeightedSum : Avg {
    template <class V> static HWY_INLINE V finish(V acc, V) { return acc; }
};

struct IntegerMin : Sum {
    template <class V> static HWY_INLINE V step(V acc, V x, V) { return hn::Min(acc, x); }
};

struct IntegerMax : Sum {
    template <class V> static HWY_INLINE V step(V acc, V x, V) { return hn::Max(acc, x); }
};

// IEEE 754-2019 minimum: a NaN wins, and -0 is below +0 (equal numbers differ in the sign of zero at most).
struct FloatMin : Sum {
    template <class V> static HWY_INLINE V step(V acc, V x, V) {
        const V least = hn::IfThenElse(hn::Lt(x, acc), x, acc);
        const V signed_zero = hn::IfThenElse(hn::Eq(x, acc), hn::Or(acc, x), least);
        return hn::IfThenElse(hn::IsNaN(x), x, signed_zero);
    }
};

struct FloatMax : Sum {
    template <class V> static HWY_INLINE V step(V acc, V x, V) {
        const V most = hn::IfThenElse(hn::Lt(acc, x), x, acc);
        const V signed_zero = hn::IfThenElse(hn::Eq(x, acc), hn::And(acc, x), most);
        return hn::IfThenElse(hn::IsNaN(x), x, signed_zero);
    }
};

// Of accumulators: half a small L1 cache; the rest is for the inputs.
inline constexpr size_t kBlockBytes = 16384;

template <class Format, class Rule> class Folder {
    using Acc = typename Format::Acc;
    static constexpr size_t kBlockElements = kBlockBytes / sizeof(Acc);
    using D = hn::CappedTag<Acc, 64>;  // the cap divides the block on machines with very long vectors
    using V = hn::Vec<D>;

public:
    explicit Folder(std::span<const FoldInput> inputs) : inputs_(inputs), weight_sum_(weight_of(inputs[0])) {
        for (const FoldInput& input : inputs.subspan(1)) weight_sum_ += weight_of(input);
    }
    Folder(std::span<const FoldInput> inputs, Acc weight_sum) : inputs_(inputs), weight_sum_(weight_sum) {}

    void run(MutableByteSpan out) const {
        const size_t lanes = hn::Lanes(D());
        const size_t elements = out.size() / Format::kBytes;
        const size_t whole = elements - elements % lanes;
        for (size_t at = 0; at < whole; at += kBlockElements) {
            fold_block(at * Format::kBytes, std::min(kBlockElements, whole - at), out);
        }
        if (whole < elements) fold_rest(whole * Format::kBytes, (elements - whole) * Format::kBytes, out);
    }

private:
    static Acc weight_of(const FoldInput& input) {
        if constexpr (Rule::kWeighted) return static_cast<Acc>(input.weight);
        return Acc{0};
    }

    // Two inputs at once where the block begins, and the last one where it is stored: two inputs are a single
    // pass.
    void fold_block(size_t offset, size_t count, MutableByteSpan out) const {
        const D d;
        const size_t lanes = hn::Lanes(d);
        HWY_ALIGN Acc block[kBlockElements];
        const size_t last = inputs_.size() - 1;
        const V weight_sum = hn::Set(d, weight_sum_);
        const auto begin = [&](size_t i) HWY_ATTR {
            const V acc = Rule::start(load(0, offset, i), weight(0));
            return last == 0 ? acc : Rule::step(acc, load(1, offset, i), weight(1));
        };
        const auto store = [&](V acc, size_t i) HWY_ATTR {
            Format::store(d, Rule::finish(acc, weight_sum), out.data() + offset + i * Format::kBytes);
        };
        if (last <= 1) {
            for (size_t i = 0; i < count; i += lanes) store(begin(i), i);
            return;
        }
        for (size_t i = 0; i < count; i += lanes) hn::Store(begin(i), d, block + i);
        for (size_t k = 2; k < last; ++k) {
            for (size_t i = 0; i < count; i += lanes) {
                hn::Store(Rule::step(hn::Load(d, block + i), load(k, offset, i), weight(k)), d, block + i);
            }
        }
        for (size_t i = 0; i < count; i += lanes) {
            store(Rule::step(hn::Load(d, block + i), load(last, offset, i), weight(last)), i);
        }
    }

    HWY_INLINE V load(size_t k, size_t offset, size_t i) const {
        return Format::load(D(), inputs_[k].bytes.data() + offset + i * Format::kBytes);
    }
    HWY_INLINE V weight(size_t k) const { return hn::Set(D(), weight_of(inputs_[k])); }

    // The last elements, fewer than a vector, go through a buffer as long as one.
    void fold_rest(size_t offset, size_t bytes, MutableByteSpan out) const {
        const D d;
        std::byte staged[64 * sizeof(Acc)] = {};
        std::memcpy(staged, inputs_[0].bytes.data() + offset, bytes);
        V acc = Rule::start(Format::load(d, staged), hn::Set(d, weight_of(inputs_[0])));
        for (const FoldInput& input : inputs_.subspan(1)) {
            std::memcpy(staged, input.bytes.data() + offset, bytes);
            acc = Rule::step(acc, Format::load(d, staged), hn::Set(d, weight_of(input)));
        }
        Format::store(d, Rule::finish(acc, hn::Set(d, weight_sum_)), staged);
        std::memcpy(out.data() + offset, staged, bytes);
    }

    std::span<const FoldInput> inputs_;
    Acc weight_sum_;  // added in input order, in the accumulator's precision, unless it is given
};

template <class Format, class Rule> void fold_as(std::span<const FoldInput> inputs, MutableByteSpan out) {
    Folder<Format, Rule>(inputs).run(out);
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
