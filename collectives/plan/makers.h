// Plans of each kind for one flock. Each maker is a pure function of links and op, and gives a plan that
// passes check() and check_reach(), or none where that kind cannot be had: plan_for() says why.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "collectives/plan/links.h"
#include "collectives/plan/plan.h"
#include "collectives/plan/regions.h"
#include "collectives/plan/work.h"

namespace whim::plan {

// Which members root something under a direct plan.
enum class Roots : uint8_t {
    all,   // as their lines allow
    near,  // only those that are not much farther from the others than the one in the middle
    one,   // that one
};

// Stars. Shares of roots are such that the busiest line or path has the least to do; who is slow roots
// nothing.
std::optional<Plan> make_direct(const Net& net, const Work& work, Roots roots);

// The order whose slowest edge is best: exactly up to 8 members, found by exchanges beyond. Shares differ
// where an edge is slower than the others: the parts rooted at its ends go over it once instead of twice.
std::optional<Plan> make_ring(const Net& net, const Work& work);

// The same in rank order, in equal parts: what one would do who knows nothing of the links.
Plan make_plain_ring(uint32_t members);

// A member of each region is its head for a part: inputs go to the head, heads' sums to one of them, back
// alike.
std::optional<Plan> make_two_level(const Net& net, const Work& work, const Regions& regions);

// Trees of such a shape, packed over lines and paths: found one after the other, each where prices are
// lowest.
struct ForestShape {
    uint32_t depth_max = 5;
    double stretch = 1;  // of the farthest pair's delay, for the way from a leaf to the root
};
std::optional<Plan> make_forest(const Net& net, const Work& work, const Regions& regions,
                                const ForestShape& shape);

// What makers share.
// ------------------------------------------------------------------------------------------

// Shares of kShares for weights >= 0 of which one is above 0; parts below limits::kChunkBytesMin get 0, but
// for the largest. Largest remainders first, ties to the lower number.
std::vector<uint32_t> whole_shares(const std::vector<double>& weights, const Work& work);

// A relay for each pair that is cut, by the third member with the most room; none for a pair that no third
// joins.
std::vector<Relay> relays_of(const Net& net);

// Leaves in plan.relays those that its edges need. False when an edge that is cut has none, or there are too
// many.
bool keep_needed_relays(Plan& plan, const Net& net);

// Drops parts without a share.
void drop_empty_parts(Plan& plan);

// Tables in the order of their first use; those not used are dropped.
void number_tables(Plan& plan);

// Sharing between k heads, of regions' members in turn: [slice][region].
std::vector<std::vector<Member>> heads_of(const Regions& regions, uint32_t slices_max);
std::vector<Member> two_level_parents(const Regions& regions, const std::vector<Member>& heads, Member root);

}  // namespace whim::plan
