// How late each contributor usually is, learnt from op to op, and how long to wait for the others once enough
// are there: the adaptive grace.
//
// An offset is the time from the first arrival of an op to that of a rank. For each rank a mean and a mean
// deviation follow its offsets as TCP's do a round trip (RFC 6298: 1/8 and 1/4), in integers of microseconds,
// so that the same arrivals give the same grace everywhere. One offset moves them by no more than one of
// kOutlierDeviations would, so that a single hiccup says little, while a change that stays is followed within
// a dozen ops.
//
// Whoever is usually far behind the middle of all is a straggler: the grace is not stretched for it, for not
// waiting for the slow is what all this is for. It takes kOpsToLearn ops in a row to become one or to cease
// to be one, and the way out is another threshold than the way in, so that nobody goes back and forth:
//   in     mean > median + max(4 * spread, kGraceMin)     spread: 1.4826 * median |mean - median|
//   out    mean < median + max(2 * spread, kGraceMin / 2)
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace whim::op {

// Of one op at one peer: when each rank's contribution had arrived, if it had.
using Arrivals = std::vector<std::optional<Instant>>;

class ArrivalHistory {
public:
    explicit ArrivalHistory(uint32_t members) : ranks_(members) {}

    // After an op, once late contributions have arrived too or nobody waits for them any more. closed: when
    // waiting ended; whoever has not arrived was later than that. Ranks that cannot have contributed (dead,
    // abstaining) are not `expected`. Ops with fewer than two arrivals teach nothing.
    void learn(const Arrivals& arrivals, const std::vector<bool>& expected, Instant closed);

    // From the arrival of the min_contributors'th, q, to the end of waiting: what suffices for those who
    // usually come after it and are no stragglers,
    //   max of (mean - mean_q + 4 * (deviation + deviation_q)),
    // within [limits::kGraceMin, kGraceMax]; kGraceUnlearnt before kOpsToLearn ops.
    Duration grace(uint32_t min_contributors) const;

    bool straggles(Rank rank) const { return ranks_[rank.value].straggles; }
    Duration usual_offset(Rank rank) const;     // the mean
    Duration usual_deviation(Rank rank) const;  // the mean deviation

private:
    // Scaled by 16, so that small steps are not rounded away.
    struct Usual {
        int64_t mean16_us = 0;
        int64_t deviation16_us = 0;
        bool known = false;
        bool straggles = false;
        uint32_t against = 0;  // ops in a row that spoke against `straggles`, as it is
        void follow(int64_t offset_us);
    };

    void find_stragglers();
    std::vector<Usual> by_mean() const;  // those known, the earliest first

    std::vector<Usual> ranks_;
    uint32_t ops_ = 0;  // learnt from, counted up to kOpsToLearn
};

inline constexpr uint32_t kOpsToLearn = 5;
inline constexpr int64_t kOutlierDeviations = 8;

}  // namespace whim::op
