// When a round begins and how it ends: two pure functions from what is known to a decision or to the reason
// why there is none yet; and the running estimate of how far apart members are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/limits.h"
#include "base/time.h"
#include "wire/messages.h"

namespace whim::group {

// Usual time between the first and the last member to arrive at the same point.
class Spread {
public:
    void sample(Duration spread);  // exponentially weighted, an eighth each
    Duration grace(
        uint32_t fixed_ms) const;  // fixed_ms when set, else 4 x the spread, at least kRoundGraceMin

private:
    Duration mean_ = limits::kRoundSpreadInitial;
};

struct Candidate {
    MemberId id;
    std::string label;     // for people
    bool in_view = false;  // else waiting to join
    std::optional<Instant> ready_since;
    bool holds_state = false;  // the state of the last committed round
};

struct RoundQuestion {
    Instant now;
    Round round;  // that would begin
    Round committed;
    uint32_t replicas_min = 1;
    std::vector<Candidate> candidates;  // in rank order
    Instant founders_until;             // a first round waits so long for further founders
    Duration grace;
    Instant not_before;  // nobody is left out before: a restarted coordinator waits
};

struct RoundAnswer {
    bool start = false;
    std::vector<MemberId> participants, joined, healing;  // in rank order
    MemberId donor;
    std::vector<wire::MemberReason> excluded;
    std::optional<Instant> recheck;  // when waiting helps by itself
    std::string waiting_for;         // when not started
};

RoundAnswer decide_round(const RoundQuestion& q);

struct Ballot {
    MemberId id;
    std::string label;
    bool living = true;
    bool abstains = false;  // went on to the next round without a vote
    std::optional<Instant> voted_at;
    bool diverged = false;
    Digest digest;
    std::vector<wire::OpSummary> ops;  // whose contributions its results hold
};

struct CommitQuestion {
    Instant now;
    Round round;
    std::vector<Ballot> ballots;  // of all participants, in rank order
    Duration grace;
    Instant not_before;
};

struct CommitAnswer {
    enum class Kind : uint8_t { wait, commit, abort } kind = Kind::wait;
    Digest digest;
    std::vector<MemberId> contributors;
    std::vector<wire::MemberReason> diverged;
    std::string reason;  // of an abort
    std::optional<Instant> recheck;
    std::string waiting_for;
};

CommitAnswer decide_commit(const CommitQuestion& q);

}  // namespace whim::group
