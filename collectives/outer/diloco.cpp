// DiLoCo's state between rounds.
#include "collectives/outer/diloco.h"

#include <algorithm>

#include "base/assert.h"

namespace whim {

Diloco::Diloco(std::span<const float> initial, const OuterSettings& settings)
    : settings_(settings), anchor_(initial.begin(), initial.end()),
      momentum_(settings.rule == OuterRule::sgd ? 0 : initial.size(), 0.0f), previous_anchor_(anchor_),
      previous_momentum_(momentum_) {}

void Diloco::contribute(std::span<const float> live, std::span<float> out) const {
    pseudo_gradient(anchor_, live, out);
}

void Diloco::apply(std::span<const float> mean) {
    WHIM_ASSERT(!provisional_);
    std::copy(anchor_.begin(), anchor_.end(), previous_anchor_.begin());
    std::copy(momentum_.begin(), momentum_.end(), previous_momentum_.begin());
    outer_step(settings_, mean, momentum_, anchor_);
    ++steps_;
    provisional_ = true;
}

void Diloco::commit() {
    WHIM_ASSERT(provisional_);
    provisional_ = false;
}

void Diloco::abort() {
    WHIM_ASSERT(provisional_);
    std::copy(previous_anchor_.begin(), previous_anchor_.end(), anchor_.begin());
    std::copy(previous_momentum_.begin(), previous_momentum_.end(), momentum_.begin());
    --steps_;
    provisional_ = false;
}

Diloco::State Diloco::committed() const {
    if (!provisional_) return newest();
    return {previous_anchor_, previous_momentum_, steps_ - 1};
}

Diloco::Buffers Diloco::begin_heal() {
    provisional_ = false;
    return {anchor_, momentum_};
}

void Diloco::finish_heal(uint64_t steps) { steps_ = steps; }

}  // namespace whim
