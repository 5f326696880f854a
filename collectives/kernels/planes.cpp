// Interleaved loads and stores, compiled once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collectives/kernels/planes.cpp"
#include <hwy/foreach_target.h>  // keep before highway.h

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "base/assert.h"
#include "collectives/kernels/planes.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<uint8_t>;

void split_here(size_t width, const uint8_t* in, size_t count, uint8_t* out) {
    const D d;
    size_t i = 0;
    for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
        hn::Vec<D> v0, v1, v2, v3;
        if (width == 2) {
            hn::LoadInterleaved2(d, in + 2 * i, v0, v1);
        } else {
            hn::LoadInterleaved4(d, in + 4 * i, v0, v1, v2, v3);
            hn::StoreU(v2, d, out + 2 * count + i);
            hn::StoreU(v3, d, out + 3 * count + i);
        }
        hn::StoreU(v0, d, out + i);
        hn::StoreU(v1, d, out + count + i);
    }
    for (; i < count; ++i) {
        for (size_t k = 0; k < width; ++k) out[k * count + i] = in[width * i + k];
    }
}

void join_here(size_t width, const uint8_t* in, size_t count, uint8_t* out) {
    const D d;
    size_t i = 0;
    for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) {
        const auto plane = [&](size_t k) HWY_ATTR { return hn::LoadU(d, in + k * count + i); };
        if (width == 2) {
            hn::StoreInterleaved2(plane(0), plane(1), d, out + 2 * i);
        } else {
            hn::StoreInterleaved4(plane(0), plane(1), plane(2), plane(3), d, out + 4 * i);
        }
    }
    for (; i < count; ++i) {
        for (size_t k = 0; k < width; ++k) out[width * i + k] = in[k * count + i];
    }
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(split_here);
HWY_EXPORT(join_here);

namespace {

const uint8_t* u8(ByteSpan bytes) { return reinterpret_cast<const uint8_t*>(bytes.data()); }
uint8_t* u8(MutableByteSpan bytes) { return reinterpret_cast<uint8_t*>(bytes.data()); }

// Copies what is after the last whole element; returns the number of elements.
size_t elements_of(size_t width, ByteSpan in, MutableByteSpan out) {
    WHIM_ASSERT((width == 2 || width == 4) && in.size() == out.size());
    const size_t whole = in.size() / width * width;
    std::copy(in.begin() + static_cast<std::ptrdiff_t>(whole), in.end(),
              out.begin() + static_cast<std::ptrdiff_t>(whole));
    return whole / width;
}

}  // namespace

void split_planes(size_t width, ByteSpan in, MutableByteSpan out) {
    HWY_DYNAMIC_DISPATCH(split_here)(width, u8(in), elements_of(width, in, out), u8(out));
}

void join_planes(size_t width, ByteSpan in, MutableByteSpan out) {
    HWY_DYNAMIC_DISPATCH(join_here)(width, u8(in), elements_of(width, in, out), u8(out));
}

}  // namespace whim::kernels
#endif
