// beta * residual + update, compiled once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collectives/kernels/feedback.cpp"
#include <hwy/foreach_target.h>  // keep before highway.h

#include <hwy/highway.h>

#include "base/assert.h"
#include "collectives/kernels/feedback.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void add_residual_here(float beta, std::span<const float> residual, std::span<const float> update,
                       std::span<float> out) {
    const auto step = [&](auto d, size_t i) HWY_ATTR {
        const auto kept = hn::Mul(hn::LoadU(d, residual.data() + i), hn::Set(d, beta));
        hn::StoreU(hn::Add(kept, hn::LoadU(d, update.data() + i)), d, out.data() + i);
    };
    const hn::ScalableTag<float> d;
    size_t i = 0;
    for (; i + hn::Lanes(d) <= out.size(); i += hn::Lanes(d)) step(d, i);
    for (; i < out.size(); ++i) step(hn::CappedTag<float, 1>(), i);
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(add_residual_here);

void add_residual(float beta, std::span<const float> residual, std::span<const float> update,
                  std::span<float> out) {
    WHIM_ASSERT(residual.size() == out.size() && update.size() == out.size());
    HWY_DYNAMIC_DISPATCH(add_residual_here)(beta, residual, update, out);
}

}  // namespace whim::kernels
#endif
