// Quorum, grace and budget, in this order.
#include "collectives/op/quorum.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/assert.h"

namespace whim::op {
namespace {

using Kind = QuorumDecision::Kind;

struct Count {
    std::vector<Instant> arrived;  // ascending
    std::vector<Rank> missing;
    size_t all() const { return arrived.size() + missing.size(); }
};

// An arrival of the future has not happened yet.
Count count(Instant now, const Arrivals& arrivals, const std::vector<bool>& expected) {
    Count out;
    for (uint32_t r = 0; r < arrivals.size(); ++r) {
        if (arrivals[r] && *arrivals[r] <= now) out.arrived.push_back(*arrivals[r]);
        else if (expected[r]) out.missing.push_back({r});
    }
    std::sort(out.arrived.begin(), out.arrived.end());
    return out;
}

std::string with_counts(const Count& count, const std::string& why) {
    return fmt::format("{} of {} contributions arrived; {}", count.arrived.size(), count.all(), why);
}

QuorumDecision decided(Kind kind, const Count& count, const std::string& why) {
    return {kind, {}, count.missing, with_counts(count, why)};
}

QuorumDecision wait(std::optional<Instant> until, const Count& count, const std::string& why) {
    return {Kind::wait, until, {}, with_counts(count, why)};
}

}  // namespace

QuorumDecision decide_quorum(Instant now, Instant begin, const Arrivals& arrivals,
                             const std::vector<bool>& expected, const QuorumRules& rules) {
    WHIM_ASSERT(arrivals.size() == expected.size());
    const Count so_far = count(now, arrivals, expected);
    const size_t quorum = rules.min_contributors == 0 ? so_far.all() : rules.min_contributors;
    const size_t arrived = so_far.arrived.size();
    if (so_far.all() < quorum) return decided(Kind::too_few, so_far, fmt::format("{} are needed", quorum));
    if (so_far.missing.empty()) return decided(Kind::finish, so_far, "nobody is missing");

    const std::optional<Instant> out_of_budget =
        rules.budget.ns > 0 ? std::optional(begin + rules.budget) : std::nullopt;
    const bool spent = out_of_budget && now >= *out_of_budget;
    const std::string of_budget = fmt::format("the budget of {} ms is spent", rules.budget.ms());
    if (arrived < quorum) {
        if (spent) return decided(Kind::too_few, so_far, of_budget);
        return wait(out_of_budget, so_far, fmt::format("{} are needed", quorum));
    }
    const Instant end_of_grace = so_far.arrived[quorum - 1] + rules.grace;
    if (now >= end_of_grace)
        return decided(
            Kind::finish, so_far,
            fmt::format("{} ms of grace after the quorum of {} are over", rules.grace.ms(), quorum));
    if (spent) return decided(Kind::finish, so_far, of_budget);
    return wait(earlier(end_of_grace, out_of_budget), so_far,
                fmt::format("in grace after the quorum of {}", quorum));
}

}  // namespace whim::op
