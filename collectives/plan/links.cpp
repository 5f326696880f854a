// One pass over the pairs finds what defaults are made of.
#include "collectives/plan/links.h"

#include <algorithm>

#include "base/assert.h"
#include "base/limits.h"

namespace whim::plan {
namespace {

uint64_t within_limits(uint64_t rate) { return std::min(rate, limits::kPlanRateMax); }

// Fills gaps with the mean of what is known; seconds per byte.
std::vector<double> seconds_of(const std::vector<uint64_t>& rates) {
    uint64_t sum = 0, known = 0;
    for (const uint64_t rate : rates) {
        sum += rate;
        known += rate != 0;
    }
    const uint64_t otherwise = known == 0 ? limits::kPlanRateDefault : sum / known;
    std::vector<double> seconds;
    seconds.reserve(rates.size());
    for (const uint64_t rate : rates)
        seconds.push_back(1.0 / static_cast<double>(rate == 0 ? otherwise : rate));
    return seconds;
}

}  // namespace

Links::Links(uint32_t members) : lines_(members), pairs_(size_t{members} * members) {
    WHIM_ASSERT(members >= 1 && members <= limits::kMembersMax);
}

Net::Net(const Links& links) : links_(links) {
    const uint32_t n = links.members();
    std::vector<uint64_t> best_up(n), best_down(n), up(n), down(n);
    uint64_t rtt_sum = 0, rtts = 0;
    for (uint32_t a = 0; a < n; ++a) {
        for (uint32_t b = 0; b < n; ++b) {
            if (a == b) continue;
            const Links::Pair& pair = links.pair(a, b);
            if (pair.cut) cuts_.emplace_back(std::min(a, b), std::max(a, b));
            pairs_matter_ |= pair.rate != 0;
            best_up[a] = std::max(best_up[a], within_limits(pair.rate));
            best_down[b] = std::max(best_down[b], within_limits(pair.rate));
            rtt_sum += pair.rtt_us;
            rtts += pair.rtt_us != 0;
        }
    }
    std::sort(cuts_.begin(), cuts_.end());
    cuts_.erase(std::unique(cuts_.begin(), cuts_.end()), cuts_.end());
    for (uint32_t a = 0; a < n; ++a) {
        const Links::Member& line = links.member(a);
        up[a] = line.up != 0 ? within_limits(line.up) : best_up[a];
        down[a] = line.down != 0 ? within_limits(line.down) : best_down[a];
    }
    up_s_ = seconds_of(up);
    down_s_ = seconds_of(down);
    rtt_us_unknown_ = rtts == 0 ? limits::kPlanRttUsDefault : static_cast<uint32_t>(rtt_sum / rtts);
}

double Net::alone_s(uint32_t from, uint32_t to) const {
    return std::max(std::max(up_s_[from], down_s_[to]), pair_s(from, to));
}

}  // namespace whim::plan
