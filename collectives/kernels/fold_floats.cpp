// Folds of the float types, compiled once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collectives/kernels/fold_floats.cpp"
#include <hwy/foreach_target.h>  // keep before highway.h

#include <hwy/highway.h>

#include "base/assert.h"
#include "collectives/kernels/fold-inl.h"
#include "collectives/kernels/fold.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {

template <class Format>
void fold_format(Reduce reduce, std::span<const FoldInput> inputs, MutableByteSpan out) {
    switch (reduce) {
        case Reduce::sum: return fold_as<Format, Sum>(inputs, out);
        case Reduce::avg: return fold_as<Format, Avg>(inputs, out);
        case Reduce::min: return fold_as<Format, FloatMin>(inputs, out);
        case Reduce::max: return fold_as<Format, FloatMax>(inputs, out);
        case Reduce::copy:
        case Reduce::majority:
        case Reduce::custom: break;
    }
    WHIM_ASSERT(!"not an arithmetic reduction");
}

void fold_floats_here(Reduce reduce, Dtype dtype, std::span<const FoldInput> inputs, MutableByteSpan out) {
    switch (dtype) {
        case Dtype::f32: return fold_format<F32>(reduce, inputs, out);
        case Dtype::f64: return fold_format<F64>(reduce, inputs, out);
        case Dtype::f16: return fold_format<F16>(reduce, inputs, out);
        case Dtype::bf16: return fold_format<Bf16>(reduce, inputs, out);
        default: break;
    }
    WHIM_ASSERT(!"not a float type");
}

void fold_weighted_here(std::span<const FoldInput> inputs, float divisor, MutableByteSpan out) {
    if (divisor == 0.0f) Folder<F32, WeightedSum>(inputs, 1.0f).run(out);
    else Folder<F32, Avg>(inputs, divisor).run(out);
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(fold_floats_here);
HWY_EXPORT(fold_weighted_here);

void fold_floats(Reduce reduce, Dtype dtype, std::span<const FoldInput> inputs, MutableByteSpan out) {
    HWY_DYNAMIC_DISPATCH(fold_floats_here)(reduce, dtype, inputs, out);
}

void fold_weighted(std::span<const FoldInput> inputs, float divisor, MutableByteSpan out) {
    HWY_DYNAMIC_DISPATCH(fold_weighted_here)(inputs, divisor, out);
}

}  // namespace whim::kernels
#endif
