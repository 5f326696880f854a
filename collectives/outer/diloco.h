// DiLoCo (arXiv 2311.08105) for one set of flat f32 parameters: the rule between the rounds' averages and the
// anchor, without any communication.
//
//   every round:  contribute(live) -> average it over the group -> apply(mean) -> copy the anchor to the
//   model then:         the round's commit -> commit(), or its abort -> abort()
//
// Provisional results. apply() moves the anchor before the round's commit is known and keeps the anchor and
// momentum from before; abort() puts those back, bit for bit, and commit() lets go of them. One result at
// most is provisional, so memory is bounded and fixed at construction: 4 floats per parameter (2 with sgd).
// The buffers never move: a binding may keep views of newest(), and the digest of a round can
// be taken from them before its commit. (Keeping the mean instead and repeating the step at the commit would
// save one float per parameter, and cost stable views and a second pass for every digest.)
//
// After an abort the live parameters are left as they are: the next pseudo-gradient is taken against the
// anchor that came back, so what the round had learnt is proposed again. A contribution made while a result
// was provisional is void after its abort, for its anchor is: contribute again.
//
// Anchor, momentum and steps are equal on every member; everything is computed with the same bits everywhere.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "collectives/outer/nesterov.h"

namespace whim {

class Diloco {
public:
    // What all members hold alike, and what a joiner is given.
    struct State {
        std::span<const float> anchor;
        std::span<const float> momentum;  // empty with sgd
        uint64_t steps = 0;               // outer steps taken
    };

    // Buffers to overwrite with another member's state.
    struct Buffers {
        std::span<float> anchor;
        std::span<float> momentum;
    };

    Diloco(std::span<const float> initial, const OuterSettings& settings);

    // out = anchor - live, against the newest anchor. Changes no state. out may be live.
    void contribute(std::span<const float> live, std::span<float> out) const;

    // Takes the outer step with the averaged pseudo-gradient. Nothing may be provisional.
    void apply(std::span<const float> mean);
    void commit();  // the provisional result is final; it must exist
    void abort();   // the provisional result never was; it must exist
    bool provisional() const { return provisional_; }

    // The newest state, provisional or not: what the model trains from and what a round's digest covers.
    State newest() const { return {anchor_, momentum_, steps_}; }
    // The state of the last commit: what a donor gives away.
    State committed() const;

    // Healing: fill the buffers with a donor's committed state, then tell its steps. A provisional result of
    // ours is dropped. Between the two calls the state is not usable.
    Buffers begin_heal();
    void finish_heal(uint64_t steps);

    size_t size() const { return anchor_.size(); }
    const OuterSettings& settings() const { return settings_; }

private:
    const OuterSettings settings_;
    std::vector<float> anchor_, momentum_;
    std::vector<float> previous_anchor_, previous_momentum_;  // before the provisional result
    uint64_t steps_ = 0;
    bool provisional_ = false;
};

}  // namespace whim
