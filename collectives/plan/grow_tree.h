// One tree that is cheap at given prices: members are joined to it one by one, each time the cheapest, no
// deeper and no farther from the root than allowed (Prim's way, directed).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "collectives/plan/plan.h"

namespace whim::plan {

inline constexpr double kNoPrice = 1e30;  // of a pair that cannot talk

struct GrownTree {
    std::vector<Member> parents;
    double cost = 0;
};

struct Reach {
    uint32_t depth_max = 1;
    double delay_max_s = 0;
};

// price(child, parent) is what that edge costs, delay(child, parent) how long it is. None when there is no
// such tree.
template <class Price, class Delay>
std::optional<GrownTree> grow_tree(uint32_t members, Member root, const Reach& reach, Price price,
                                   Delay delay) {
    GrownTree tree{std::vector<Member>(members, root), 0};
    std::vector<double> best(members, kNoPrice), away(members);
    std::vector<uint8_t> depth(members), in(members);
    in[root] = 1;
    Member last = root;
    for (uint32_t count = 1; count < members; ++count) {
        uint32_t next = members;
        const bool may_have_children = depth[last] < reach.depth_max;
        for (uint32_t v = 0; v < members; ++v) {
            if (in[v]) continue;
            if (may_have_children) {
                const double p = price(v, last);
                if (p < best[v] && away[last] + delay(v, last) <= reach.delay_max_s)
                    best[v] = p, tree.parents[v] = last;
            }
            if (best[v] < kNoPrice && (next == members || best[v] < best[next])) next = v;
        }
        if (next == members) return std::nullopt;
        const Member parent = tree.parents[next];
        in[next] = 1;
        depth[next] = static_cast<uint8_t>(depth[parent] + 1);
        away[next] = away[parent] + delay(next, parent);
        tree.cost += best[next];
        last = static_cast<Member>(next);
    }
    return tree;
}

}  // namespace whim::plan
