// Steps passed, and the question of quorum.h asked about each.
#include "collectives/op/milestones.h"

#include <algorithm>

namespace whim::op {

void Milestones::begin(Instant now, std::vector<uint32_t> due, Duration grace) {
    begun_ = now;
    grace_ = grace;
    due_ = std::move(due);
    delivered_.assign(due_.size(), 0);
    units_.clear();
    const uint64_t most = due_.empty() ? 0 : *std::max_element(due_.begin(), due_.end());
    for (uint64_t step = 1; step <= kMilestones && most > 0; ++step) {
        const auto units = static_cast<uint32_t>((most * step + kMilestones - 1) / kMilestones);
        if (units_.empty() || units_.back() < units) units_.push_back(units);
    }
    passed_.assign(units_.size(), Arrivals(due_.size()));
    judgements_.clear();
}

// Shares that are equal but for rounding are compared to their ends.
bool Milestones::comparable(uint32_t rank, uint32_t step) const {
    return uint64_t{due_[rank]} * 4 >= uint64_t{units_[step]} * 3;
}

void Milestones::advance(Rank rank, Instant now) {
    const uint32_t r = rank.value;
    if (due_.empty() || delivered_[r] == due_[r]) return;  // not begun, or nothing is due
    ++delivered_[r];
    bool news = false;
    for (uint32_t step = 0; step < units_.size(); ++step) {
        if (passed_[step][r] || !comparable(r, step)) continue;
        if (delivered_[r] < std::min(units_[step], due_[r])) break;
        passed_[step][r] = now;
        news = true;
    }
    const Instant then = now + grace_;
    if (news && (judgements_.empty() || judgements_.back() < then)) judgements_.push_back(then);
}

std::optional<Instant> Milestones::next() const {
    return judgements_.empty() ? std::nullopt : std::optional(judgements_.front());
}

// No more than half of what each of those has who passed the step.
bool Milestones::trails(uint32_t rank, const Arrivals& passed) const {
    for (size_t r = 0; r < passed.size(); ++r) {
        if (passed[r] && uint64_t{delivered_[rank]} * 2 > delivered_[r]) return false;
    }
    return true;
}

bool Milestones::keeps_up(Rank rank) const {
    for (size_t r = 0; r < due_.size(); ++r) {
        const bool as_much = uint64_t{due_[rank.value]} * 4 >= uint64_t{due_[r]} * 3;
        if (as_much && uint64_t{delivered_[rank.value]} * 2 <= delivered_[r]) return false;
    }
    return true;
}

// Whoever passed the step has delivered everything, and that is most of those it says something about.
bool Milestones::done(const Arrivals& passed, uint32_t compared) const {
    uint32_t count = 0;
    for (size_t r = 0; r < passed.size(); ++r) {
        if (passed[r] && delivered_[r] < due_[r]) return false;
        count += passed[r].has_value();
    }
    return count * 2 > compared;
}

std::vector<Rank> Milestones::behind(Instant now, const std::vector<bool>& expected, uint32_t enough,
                                     Rank self) {
    while (!judgements_.empty() && judgements_.front() <= now) judgements_.pop_front();
    for (auto step = static_cast<uint32_t>(units_.size()); step-- > 0;) {
        Arrivals passed = passed_[step];
        std::vector<bool> compared = expected;
        uint32_t count = 0;
        for (uint32_t r = 0; r < passed.size(); ++r) {
            compared[r] = expected[r] && comparable(r, step);
            if (!compared[r]) passed[r].reset();
            count += compared[r];
        }
        if (count < 2 || (count == 2 && compared[self.value])) continue;
        const QuorumRules rules{std::clamp(enough, std::min(2u, count - 1), count - 1), grace_, {}};
        const QuorumDecision decision = decide_quorum(now, begun_, passed, compared, rules);
        if (decision.kind != QuorumDecision::Kind::finish) continue;
        std::vector<Rank> trailing;
        for (const Rank rank : decision.without) {
            if (trails(rank.value, passed)) trailing.push_back(rank);
        }
        if (!trailing.empty()) {
            // The others may wait for them: asked again when these have had time to go, or before.
            if (trailing.size() < decision.without.size() && judgements_.empty())
                judgements_.push_back(now + grace_);
            return trailing;
        }
        if (done(passed, count)) return decision.without;
    }
    return {};
}

}  // namespace whim::op
