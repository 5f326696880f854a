// How far each member is in an op, as one peer sees it, and who is too far behind the others. Pure.
//
// What the member with the most to deliver is to deliver here is cut into kMilestones equal steps. A member
// is behind when enough others passed a step `grace` ago that it has not reached, and it has no more than
// half of what they have: whoever is a little slower is waited for as long as there is something else to wait
// for, which may be what it waits for itself. When most have delivered all of theirs, and nobody has half or
// less, half does not matter. A step says nothing about members that have much less than it to deliver, and
// where it is about two it says nothing to either of them. So nobody is behind whose data is merely late by
// less than the grace, or more than the others'; and whoever sees all others crawl, because its own line
// does, finds none of them behind the rest.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "collectives/op/arrivals.h"
#include "collectives/op/quorum.h"

namespace whim::op {

inline constexpr uint32_t kMilestones = 16;

class Milestones {
public:
    // due: units that each member is to deliver from now on. What was before is forgotten.
    void begin(Instant now, std::vector<uint32_t> due, Duration grace);
    void advance(Rank rank, Instant now);  // one more unit; more than is due says nothing

    // When to judge next.
    std::optional<Instant> next() const;
    // Ascending. expected: who is to deliver at all. enough: members that must have passed a step for the
    // others to be late; of fewer that have so much to deliver, all but one. self: who asks.
    std::vector<Rank> behind(Instant now, const std::vector<bool>& expected, uint32_t enough, Rank self);

    // It has more than half of what anybody has who is to deliver as much.
    bool keeps_up(Rank rank) const;

private:
    bool comparable(uint32_t rank, uint32_t step) const;
    bool trails(uint32_t rank, const Arrivals& passed) const;
    bool done(const Arrivals& passed, uint32_t compared) const;

    Instant begun_{};
    Duration grace_{};
    std::vector<uint32_t> due_, delivered_;
    std::vector<uint32_t> units_;     // of each step
    std::vector<Arrivals> passed_;    // by step: when each rank passed it
    std::deque<Instant> judgements_;  // ascending
};

}  // namespace whim::op
