// Magnitudes are compared as integers: there NaN and infinity are the largest.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collectives/kernels/screen.cpp"
#include <hwy/foreach_target.h>  // keep before highway.h

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "collectives/kernels/screen.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr size_t kAhead = 2048;  // elements fetched before they are looked at

size_t find_beyond(std::span<const float> values, int32_t limit_bits) {
    const hn::ScalableTag<int32_t> d;
    const hn::Rebind<float, decltype(d)> df;
    const size_t lanes = hn::Lanes(d), count = values.size();
    const auto magnitude = hn::Set(d, 0x7fffffff);
    const auto limit = hn::Set(d, limit_bits);
    const auto load = [&](size_t i) HWY_ATTR {
        return hn::And(hn::BitCast(d, hn::LoadU(df, values.data() + i)), magnitude);
    };
    size_t i = 0;
    for (; i + 4 * lanes <= count; i += 4 * lanes) {
        const float* ahead = values.data() + std::min(i + kAhead, count - 4 * lanes);
        for (size_t k = 0; k < 4 * lanes; k += 16) hwy::Prefetch(ahead + k);
        const auto most =
            hn::Max(hn::Max(load(i), load(i + lanes)), hn::Max(load(i + 2 * lanes), load(i + 3 * lanes)));
        if (!hn::AllFalse(d, hn::Gt(most, limit))) break;  // the loop below finds the place
    }
    for (; i < count; ++i) {
        if ((std::bit_cast<int32_t>(values[i]) & 0x7fffffff) > limit_bits) return i;
    }
    return count;
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(find_beyond);

std::optional<size_t> first_beyond(std::span<const float> values, float limit) {
    const size_t at = HWY_DYNAMIC_DISPATCH(find_beyond)(values, std::bit_cast<int32_t>(limit));
    if (at == values.size()) return std::nullopt;
    return at;
}

}  // namespace whim::kernels
#endif
