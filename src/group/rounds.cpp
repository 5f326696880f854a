// The two decisions about rounds.
#include "group/rounds.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace whim::group {
namespace {

constexpr size_t kNamedMax = 3;  // in one sentence

std::string name_some(const std::vector<std::string>& labels) {
    std::string text;
    for (size_t i = 0; i < labels.size() && i < kNamedMax; ++i) text += (i == 0 ? "" : ", ") + labels[i];
    if (labels.size() > kNamedMax) text += fmt::format(" and {} more", labels.size() - kNamedMax);
    return text;
}

// When half of those waited for had arrived, if they have.
std::optional<Instant> half_arrived(std::vector<Instant> arrivals, size_t expected) {
    const size_t half = (expected + 1) / 2;
    if (half == 0 || arrivals.size() < half) return std::nullopt;
    std::sort(arrivals.begin(), arrivals.end());
    return arrivals[half - 1];
}

RoundAnswer wait(std::string why, std::optional<Instant> recheck = std::nullopt) {
    RoundAnswer answer;
    answer.waiting_for = std::move(why);
    answer.recheck = recheck;
    return answer;
}

RoundAnswer start(const RoundQuestion& q, const std::string& late_reason) {
    RoundAnswer answer;
    answer.start = true;
    for (const Candidate& c : q.candidates) {
        if (!c.ready_since) {
            if (c.in_view) answer.excluded.push_back({c.id, late_reason});
            continue;
        }
        answer.participants.push_back(c.id);
        if (!c.in_view) answer.joined.push_back(c.id);
        const bool first_holder = c.holds_state && answer.donor == MemberId{};
        if (first_holder) answer.donor = c.id;
        // Before the first commit nothing is known to be equal, so all take the donor's bits.
        if (!c.holds_state || (q.committed == Round{} && !first_holder)) answer.healing.push_back(c.id);
    }
    if (answer.healing.empty()) answer.donor = {};
    return answer;
}

}  // namespace

void Spread::sample(Duration spread) {
    const Duration credible =
        mean_ * 4 + limits::kRoundGraceMin;  // one sleeper must not slow down all later rounds
    mean_ = mean_ + (std::clamp(spread, Duration{}, credible) - mean_) / 8;
}

Duration Spread::grace(uint32_t fixed_ms) const {
    if (fixed_ms > 0) return milliseconds(fixed_ms);
    return std::max(limits::kRoundGraceMin, mean_ * 4);
}

RoundAnswer decide_round(const RoundQuestion& q) {
    const bool founding =
        std::none_of(q.candidates.begin(), q.candidates.end(), [](const auto& c) { return c.in_view; });
    const std::string round = fmt::format("round {}", q.round.value);
    std::vector<std::string> late, holders;
    std::vector<Instant> arrivals;
    uint32_t ready = 0, expected = 0;
    bool holder_ready = false;
    for (const Candidate& c : q.candidates) {
        if (c.holds_state) holders.push_back(c.label);
        if (c.ready_since) ++ready, holder_ready |= c.holds_state;
        if (!founding && !c.in_view) continue;  // nobody waits for joiners
        ++expected;
        if (c.ready_since) arrivals.push_back(*c.ready_since);
        else late.push_back(c.label);
    }
    const uint32_t least = std::max(1u, q.replicas_min);
    if (ready < least) {
        std::string why = fmt::format("{} waits for {} of at least {} replicas", round, least - ready, least);
        return wait(late.empty() ? why : why + ": " + name_some(late));
    }
    if (!holder_ready) {
        if (holders.empty()) {
            return wait(fmt::format(
                "{} waits for a peer that holds the state of round {}: nobody who is here does, and "
                "only such a peer can donate it",
                round, q.committed.value));
        }
        return wait(fmt::format("{} waits for {}: only a peer that holds the state of round {} can donate it",
                                round, name_some(holders), q.committed.value));
    }
    if (founding && q.now < q.founders_until)
        return wait(round + " waits for further founders", q.founders_until);
    if (late.empty()) return start(q, {});
    const std::string for_late = fmt::format("{} waits for {}", round, name_some(late));
    const auto half = half_arrived(arrivals, expected);
    if (!half) return wait(for_late);
    const Instant close = std::max(*half + q.grace, q.not_before);
    if (q.now < close) return wait(for_late, close);
    return start(q, fmt::format("not ready {} ms after half of the members were", q.grace.ms()));
}

namespace {

// Whether two votes report the same contributors for every op that both completed.
bool same_results(const std::vector<wire::OpSummary>& a, const std::vector<wire::OpSummary>& b) {
    return std::all_of(a.begin(), a.end(), [&](const wire::OpSummary& mine) {
        const auto theirs = std::find_if(b.begin(), b.end(), [&](const auto& o) { return o.op == mine.op; });
        return theirs == b.end() || *theirs == mine;
    });
}

}  // namespace

CommitAnswer decide_commit(const CommitQuestion& q) {
    CommitAnswer answer;
    struct Camp {
        uint32_t votes = 0;
        bool living = false;
        MemberId lowest;
    };
    std::map<Digest, Camp> camps;
    std::vector<std::string> late;
    std::vector<Instant> arrivals;
    uint32_t living = 0, expected = 0;
    for (const Ballot& b : q.ballots) {
        living += b.living;
        if (b.living && !b.abstains) ++expected;
        if (!b.voted_at) {
            if (b.living && !b.abstains) late.push_back(b.label);
            continue;
        }
        if (b.living) arrivals.push_back(*b.voted_at);
        if (b.diverged) continue;
        Camp& camp = camps[b.digest];
        if (camp.votes++ == 0) camp.lowest = b.id;
        camp.living |= b.living;
    }
    const auto abort = [&](std::string why) {
        answer.kind = CommitAnswer::Kind::abort;
        answer.reason = std::move(why);
        return answer;
    };
    if (living == 0) return abort("no participant is left");
    if (!late.empty()) {
        answer.waiting_for = fmt::format("commit of round {} waits for {}", q.round.value, name_some(late));
        const auto half = half_arrived(arrivals, expected);
        if (!half) return answer;
        const Instant close = std::max(*half + q.grace, q.not_before);
        if (q.now < close) {
            answer.recheck = close;
            return answer;
        }
    }
    // The winner needs a living holder, or the round would be committed and lost at once.
    const Camp* best = nullptr;
    for (const auto& [digest, camp] : camps) {
        if (!camp.living) continue;
        const bool wins = best == nullptr || camp.votes > best->votes ||
                          (camp.votes == best->votes && camp.lowest.incarnation < best->lowest.incarnation);
        if (wins) best = &camp, answer.digest = digest;
    }
    if (best == nullptr) {
        return abort(arrivals.empty() ? "no participant voted"
                                      : "every participant that voted says that it diverged");
    }
    answer.kind = CommitAnswer::Kind::commit;
    answer.waiting_for.clear();
    const auto holds = [&](const Ballot& b) {
        return b.voted_at && !b.diverged && b.digest == answer.digest;
    };
    const auto witness = std::find_if(q.ballots.begin(), q.ballots.end(),
                                      [&](const Ballot& b) { return b.living && holds(b); });
    for (const Ballot& b : q.ballots) {
        if (!b.voted_at) continue;
        if (holds(b) && same_results(b.ops, witness->ops)) {
            answer.contributors.push_back(b.id);
        } else if (holds(b)) {
            // Left out of an op that it had finished, or the only one who was not.
            answer.diverged.push_back({b.id, "its results hold other contributions"});
        } else {
            answer.diverged.push_back({b.id, b.diverged
                                                 ? std::string("its result of an op differs")
                                                 : fmt::format("its digest is {}, the run's is {}",
                                                               to_hex(b.digest), to_hex(answer.digest))});
        }
    }
    return answer;
}

}  // namespace whim::group
