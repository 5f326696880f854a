// The outer rules as vector code, compiled once per instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "collectives/kernels/outer_step.cpp"
#include <hwy/foreach_target.h>  // keep before highway.h

#include <hwy/highway.h>

#include <cstring>

#include "base/assert.h"
#include "collectives/kernels/formats-inl.h"
#include "collectives/kernels/outer_step.h"

HWY_BEFORE_NAMESPACE();
namespace whim::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 64>;
using V = hn::Vec<D>;
constexpr size_t kLanesMax = 64;

V load(const float* from) { return F32::load(D(), reinterpret_cast<const std::byte*>(from)); }
void store(V v, float* to) { F32::store(D(), v, reinterpret_cast<std::byte*>(to)); }

// One vector of each buffer.
template <OuterRule kRule>
HWY_INLINE void step_vector(V eta, V mu, const float* delta, float* momentum, float* anchor) {
    const V change = load(delta);
    V direction = change;
    if constexpr (kRule != OuterRule::sgd) {
        const V b = hn::Add(hn::Mul(mu, load(momentum)), change);
        store(b, momentum);
        direction = kRule == OuterRule::nesterov ? hn::Add(change, hn::Mul(mu, b)) : b;
    }
    store(hn::Sub(load(anchor), hn::Mul(eta, direction)), anchor);
}

template <OuterRule kRule>
void step_all(float eta, float mu, std::span<const float> delta, std::span<float> momentum,
              std::span<float> anchor) {
    const D d;
    const V eta_all = hn::Set(d, eta);
    const V mu_all = hn::Set(d, mu);
    const size_t lanes = hn::Lanes(d);
    const size_t whole = anchor.size() - anchor.size() % lanes;
    for (size_t i = 0; i < whole; i += lanes) {
        step_vector<kRule>(eta_all, mu_all, delta.data() + i, momentum.data() + i, anchor.data() + i);
    }
    const size_t rest = (anchor.size() - whole) * sizeof(float);
    if (rest == 0) return;
    float staged[3][kLanesMax] = {};  // the last elements, fewer than a vector
    std::memcpy(staged[0], delta.data() + whole, rest);
    std::memcpy(staged[1], momentum.data() + whole, rest);
    std::memcpy(staged[2], anchor.data() + whole, rest);
    step_vector<kRule>(eta_all, mu_all, staged[0], staged[1], staged[2]);
    std::memcpy(momentum.data() + whole, staged[1], rest);
    std::memcpy(anchor.data() + whole, staged[2], rest);
}

void step_with_rule(OuterRule rule, float eta, float mu, std::span<const float> delta,
                    std::span<float> momentum, std::span<float> anchor) {
    switch (rule) {
        case OuterRule::sgd:  // has no momentum: the anchor stands in for the buffer that is not used
            return step_all<OuterRule::sgd>(eta, mu, delta, anchor, anchor);
        case OuterRule::heavy_ball: return step_all<OuterRule::heavy_ball>(eta, mu, delta, momentum, anchor);
        case OuterRule::nesterov: return step_all<OuterRule::nesterov>(eta, mu, delta, momentum, anchor);
    }
}

void subtract_all(std::span<const float> a, std::span<const float> b, std::span<float> out) {
    const size_t lanes = hn::Lanes(D());
    const size_t whole = out.size() - out.size() % lanes;
    for (size_t i = 0; i < whole; i += lanes)
        store(hn::Sub(load(a.data() + i), load(b.data() + i)), out.data() + i);
    const size_t rest = (out.size() - whole) * sizeof(float);
    if (rest == 0) return;
    float staged[2][kLanesMax] = {};
    std::memcpy(staged[0], a.data() + whole, rest);
    std::memcpy(staged[1], b.data() + whole, rest);
    store(hn::Sub(load(staged[0]), load(staged[1])), staged[0]);
    std::memcpy(out.data() + whole, staged[0], rest);
}

}  // namespace whim::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace whim::kernels {

HWY_EXPORT(step_with_rule);
HWY_EXPORT(subtract_all);

void outer_step(OuterRule rule, float eta, float mu, std::span<const float> delta, std::span<float> momentum,
                std::span<float> anchor) {
    WHIM_ASSERT(delta.size() == anchor.size());
    WHIM_ASSERT(rule == OuterRule::sgd || momentum.size() == anchor.size());
    HWY_DYNAMIC_DISPATCH(step_with_rule)(rule, eta, mu, delta, momentum, anchor);
}

void subtract(std::span<const float> a, std::span<const float> b, std::span<float> out) {
    WHIM_ASSERT(a.size() == out.size() && b.size() == out.size());
    HWY_DYNAMIC_DISPATCH(subtract_all)(a, b, out);
}

}  // namespace whim::kernels
#endif
