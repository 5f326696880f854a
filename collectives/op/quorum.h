// Whether an op goes on waiting for contributions. Pure: the same question, the same answer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "collectives/op/arrivals.h"

namespace whim::op {

struct QuorumRules {
    uint32_t min_contributors = 0;  // 0: all who are expected
    Duration grace{};               // after the min_contributors'th arrival, for the others
    Duration budget{};              // of the whole wait; 0: none
};

struct QuorumDecision {
    enum class Kind : uint8_t {
        wait,     // until `until`, or for ever without one; ask again at each arrival and death too
        finish,   // with those who have arrived, without `without`
        too_few,  // the quorum cannot be had, or not in time: nobody may finish the op by this alone
    };
    Kind kind = Kind::wait;
    std::optional<Instant> until;
    std::vector<Rank> without;  // expected and not arrived, ascending; of finish and too_few
    std::string reason;         // "2 of 3 contributions arrived; 1 missing 40 ms after the quorum of 2"
};

// begin: when the wait began. expected: who can still contribute (alive, not abstaining); what somebody
// delivered whole before it died counts, so a rank that has arrived need not be expected.
QuorumDecision decide_quorum(Instant now, Instant begin, const Arrivals& arrivals,
                             const std::vector<bool>& expected, const QuorumRules& rules);

}  // namespace whim::op
