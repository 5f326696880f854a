// Selection by a search in bits: magnitudes are ordered as integers, so the k-th largest is found by halving
// the range of patterns and counting how many are at least the middle. It reads the chunk about 17 times, in
// the L1 cache and a vector at a time, needs no other memory, and takes the same time whatever the order of
// the values.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collectives/kernels/select.cpp"
#include <hwy/foreach_target.h>  // keep before highway.h

#include <hwy/highway.h>

#include <bit>

#include "base/assert.h"
#include "collectives/kernels/select.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<int32_t>;
using V = hn::Vec<D>;

inline int32_t magnitude_of(float x) { return std::bit_cast<int32_t>(x) & 0x7fffffff; }

HWY_INLINE V load_magnitudes(const float* from) {
    const hn::Rebind<float, D> df;
    return hn::And(hn::BitCast(D(), hn::LoadU(df, from)), hn::Set(D(), 0x7fffffff));
}

size_t count_at_least(std::span<const float> values, int32_t least) {
    const D d;
    const size_t lanes = hn::Lanes(d);
    const V below = hn::Set(d, least - 1);
    V count = hn::Zero(d), count_too = count;
    const auto add = [&](V& to, const float* from) HWY_ATTR {
        to = hn::Sub(to, hn::VecFromMask(d, hn::Gt(load_magnitudes(from), below)));
    };
    size_t i = 0;
    for (; i + 2 * lanes <= values.size(); i += 2 * lanes) {
        add(count, values.data() + i);
        add(count_too, values.data() + i + lanes);
    }
    size_t total = static_cast<size_t>(hn::GetLane(hn::SumOfLanes(d, hn::Add(count, count_too))));
    for (; i < values.size(); ++i) total += magnitude_of(values[i]) >= least;
    return total;
}

// The largest pattern that at least k magnitudes reach, or one that exactly k do.
int32_t threshold(std::span<const float> values, size_t k) {
    int32_t low = 0, high = 0x7f800000;  // all reach low, none reaches high
    while (high - low > 1) {
        const int32_t middle = low + (high - low) / 2;
        const size_t count = count_at_least(values, middle);
        if (count == k) return middle;
        (count > k ? low : high) = middle;
    }
    return low;
}

void select_here(std::span<const float> values, std::span<uint32_t> indexes) {
    const D d;
    const size_t lanes = hn::Lanes(d);
    const int32_t least = threshold(values, indexes.size());
    size_t ties =
        indexes.size() - count_at_least(values, least + 1);  // of magnitude least, the first so many
    size_t found = 0;
    const auto look_at = [&](size_t i) {
        const int32_t magnitude = magnitude_of(values[i]);
        if (magnitude < least || found == indexes.size()) return;
        if (magnitude == least && ties == 0) return;
        if (magnitude == least) --ties;
        indexes[found++] = static_cast<uint32_t>(i);
    };
    const V below = hn::Set(d, least - 1);
    size_t i = 0;
    for (; i + lanes <= values.size(); i += lanes) {
        if (hn::AllFalse(d, hn::Gt(load_magnitudes(values.data() + i), below))) continue;
        for (size_t k = 0; k < lanes; ++k) look_at(i + k);
    }
    for (; i < values.size(); ++i) look_at(i);
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(select_here);

void select_largest(std::span<const float> values, std::span<uint32_t> indexes) {
    WHIM_ASSERT(!indexes.empty() && indexes.size() <= values.size() && values.size() < (1u << 31));
    HWY_DYNAMIC_DISPATCH(select_here)(values, indexes);
}

}  // namespace whim::kernels
#endif
