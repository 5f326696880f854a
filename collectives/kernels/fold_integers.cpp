// Folds of the integer types, compiled once per instruction set. Sums wrap, so signed ones are unsigned ones.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collectives/kernels/fold_integers.cpp"
#include <hwy/foreach_target.h>  // keep before highway.h

#include <hwy/highway.h>

#include <type_traits>

#include "base/assert.h"
#include "collectives/kernels/fold-inl.h"
#include "collectives/kernels/fold.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {

template <class T> void fold_integer(Reduce reduce, std::span<const FoldInput> inputs, MutableByteSpan out) {
    switch (reduce) {
        case Reduce::sum: return fold_as<Plain<std::make_unsigned_t<T>>, Sum>(inputs, out);
        case Reduce::min: return fold_as<Plain<T>, IntegerMin>(inputs, out);
        case Reduce::max: return fold_as<Plain<T>, IntegerMax>(inputs, out);
        case Reduce::avg:
        case Reduce::copy:
        case Reduce::majority:
        case Reduce::custom: break;
    }
    WHIM_ASSERT(!"not an arithmetic reduction of integers");
}

void fold_integers_here(Reduce reduce, Dtype dtype, std::span<const FoldInput> inputs, MutableByteSpan out) {
    switch (dtype) {
        case Dtype::i8: return fold_integer<int8_t>(reduce, inputs, out);
        case Dtype::i16: return fold_integer<int16_t>(reduce, inputs, out);
        case Dtype::i32: return fold_integer<int32_t>(reduce, inputs, out);
        case Dtype::i64: return fold_integer<int64_t>(reduce, inputs, out);
        case Dtype::u8: return fold_integer<uint8_t>(reduce, inputs, out);
        case Dtype::u16: return fold_integer<uint16_t>(reduce, inputs, out);
        case Dtype::u32: return fold_integer<uint32_t>(reduce, inputs, out);
        case Dtype::u64: return fold_integer<uint64_t>(reduce, inputs, out);
        default: break;
    }
    WHIM_ASSERT(!"not an integer type");
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(fold_integers_here);

void fold_integers(Reduce reduce, Dtype dtype, std::span<const FoldInput> inputs, MutableByteSpan out) {
    HWY_DYNAMIC_DISPATCH(fold_integers_here)(reduce, dtype, inputs, out);
}

}  // namespace whim::kernels
#endif
