// Progressive filling: the least share of all lines is fair for the flows of that line, which are settled
// with it.
#include "collectives/plan/fair_shares.h"

#include <algorithm>
#include <cstddef>

namespace whim::plan {

FairShares::FairShares(const Net& net) : net_(net), up_(net.members()), down_(net.members()) {}

void FairShares::assign(std::vector<Flow*>& flows) {
    for (uint32_t v = 0; v < net_.members(); ++v) {
        up_[v] = {1 / net_.up_s(v), 0};
        down_[v] = {1 / net_.down_s(v), 0};
    }
    for (const Flow* flow : flows) {
        ++up_[flow->from].flows;
        ++down_[flow->to].flows;
    }
    constexpr double kAlike = 1 + 1e-9;  // shares that differ by rounding are settled together
    constexpr double kLeast = 1e-9;      // of a flow's own most, so that rounding stops nobody
    size_t open = flows.size();
    while (open > 0) {
        double least = flows[0]->rate_max;
        for (size_t i = 0; i < open; ++i) {
            const Flow& flow = *flows[i];
            least = std::min({least, flow.rate_max, up_[flow.from].share(), down_[flow.to].share()});
        }
        // Who settles is found before anything is taken from the lines, so that the order does not matter.
        const auto stays_open = [&](const Flow* flow) {
            return std::min({flow->rate_max, up_[flow->from].share(), down_[flow->to].share()}) >
                   least * kAlike;
        };
        const auto middle = std::stable_partition(
            flows.begin(), flows.begin() + static_cast<std::ptrdiff_t>(open), stays_open);
        const size_t still = static_cast<size_t>(middle - flows.begin());
        for (size_t i = still; i < open; ++i) {
            Flow& flow = *flows[i];
            flow.rate = std::max(least, flow.rate_max * kLeast);
            for (Line* line : {&up_[flow.from], &down_[flow.to]}) {
                line->left = std::max(line->left - least, 0.0);
                --line->flows;
            }
        }
        open = still;
    }
}

}  // namespace whim::plan
