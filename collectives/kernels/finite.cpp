// An element is not finite when all its exponent bits are set: a test on integers, the same for every format.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collectives/kernels/finite.cpp"
#include <hwy/foreach_target.h>  // keep before highway.h

#include <hwy/highway.h>

#include <cstring>

#include "base/assert.h"
#include "collectives/kernels/finite.h"
#include "collectives/kernels/formats-inl.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T> size_t find_exponent(T exponent, ByteSpan bytes) {
    const hn::ScalableTag<T> d;
    const size_t lanes = hn::Lanes(d);
    const size_t count = bytes.size() / sizeof(T);
    const auto mask = hn::Set(d, exponent);
    size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        const auto v = load_bytes(d, bytes.data() + i * sizeof(T));
        if (!hn::AllFalse(d, hn::Eq(hn::And(v, mask), mask))) break;  // the loop below finds the place
    }
    for (; i < count; ++i) {
        T value;
        std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
        if ((value & exponent) == exponent) return i;
    }
    return count;
}

size_t find_non_finite(Dtype dtype, ByteSpan bytes) {
    switch (dtype) {
        case Dtype::f32: return find_exponent<uint32_t>(0x7f800000u, bytes);
        case Dtype::f64: return find_exponent<uint64_t>(0x7ff0000000000000ull, bytes);
        case Dtype::f16: return find_exponent<uint16_t>(0x7c00u, bytes);
        case Dtype::bf16: return find_exponent<uint16_t>(0x7f80u, bytes);
        default: break;
    }
    WHIM_ASSERT(!"not a float type");
    return 0;
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(find_non_finite);

std::optional<size_t> first_non_finite_float(Dtype dtype, ByteSpan bytes) {
    const size_t at = HWY_DYNAMIC_DISPATCH(find_non_finite)(dtype, bytes);
    if (at == bytes.size() / dtype_bytes(dtype)) return std::nullopt;
    return at;
}

}  // namespace whim::kernels
#endif
