// For each slice of the regions' heads, each head in turn is the root.
#include <algorithm>

#include "base/limits.h"
#include "collectives/plan/makers.h"
#include "collectives/plan/packer.h"

namespace whim::plan {
namespace {

constexpr uint32_t kPackedCourses = 160;
constexpr uint32_t kSettleSteps = 80;

std::vector<double> weights_of(const Plan& plan, const Net& net) {
    std::vector<double> weights;
    if (plan.members > limits::kPlanPackMembersMax) {
        for (const Part& part : plan.parts)
            weights.push_back(1 / std::max(net.up_s(part.root), net.down_s(part.root)));
        return weights;
    }
    Packer packer(net);
    for (const Part& part : plan.parts) {
        packer.add(course_of(plan, part), 1.0 / static_cast<double>(plan.parts.size()));
    }
    packer.settle(kSettleSteps);
    return packer.shares();
}

}  // namespace

std::optional<Plan> make_two_level(const Net& net, const Work& work, const Regions& regions) {
    const uint32_t n = net.members();
    if (regions.count < 2 || regions.count == n) return std::nullopt;
    const bool packed = n <= limits::kPlanPackMembersMax;
    const uint32_t slices_max =
        packed ? std::max(1u, kPackedCourses / regions.count) : limits::kPlanTableEntriesMax / n;
    Plan plan;
    plan.kind = Kind::two_level;
    plan.members = n;
    const auto slices = heads_of(regions, slices_max);
    for (size_t s = 0; s < slices.size(); ++s)
        for (uint32_t r = 0; r < regions.count; ++r) {
            if (!packed && r != s % regions.count) continue;
            const auto table = static_cast<uint16_t>(plan.tables.size());
            plan.parts.push_back({1, slices[s][r], Shape::trees, table, table});
            plan.tables.push_back(two_level_parents(regions, slices[s], slices[s][r]));
        }
    plan.relays = relays_of(net);
    const std::vector<uint32_t> shares = whole_shares(weights_of(plan, net), work);
    for (size_t p = 0; p < plan.parts.size(); ++p) plan.parts[p].share = shares[p];
    drop_empty_parts(plan);
    number_tables(plan);
    if (!keep_needed_relays(plan, net)) return std::nullopt;
    return plan;
}

}  // namespace whim::plan
