// What the fold of a part of a plan is, worked out from plan.h alone: each node of the reduce tree folds its
// own input and what its children make by ascending rank; averages are divided at the root.
#pragma once

#include <vector>

#include "collectives/plan/plan.h"
#include "collectives/reducer/fold.h"

namespace whim::op {

// inputs: by rank; of those not in the set nothing is read. The set is not empty. averages: of f32.
inline Bytes tree_reference(const plan::Plan& plan, uint32_t part, const std::vector<bool>& set,
                            Reduce reduce, Dtype dtype, const std::vector<FoldInput>& inputs) {
    const uint32_t root = plan.parts[part].root;
    const std::vector<plan::Member> parents = plan::parents_of(plan, plan.parts[part], plan::Phase::reduce);
    struct Node {
        Bytes sum;
        float weight = 0;
        bool any = false;
    };
    const auto made_at = [&](const auto& again, uint32_t at) -> Node {
        std::vector<Node> nodes;
        nodes.reserve(plan.members);
        std::vector<FoldInput> folded;
        Node made;
        bool leaf = true;
        for (uint32_t r = 0; r < plan.members; ++r) leaf &= r == root || parents[r] != at;
        for (uint32_t r = 0; r < plan.members; ++r) {
            if (r == at && set[r]) {
                folded.push_back(inputs[r]);
                made.weight += inputs[r].weight;
            } else if (r != at && r != root && parents[r] == at) {
                const Node& child = nodes.emplace_back(again(again, r));
                if (!child.any) continue;
                // A leaf sends its input as it is, and its weight.
                bool alone = true;
                for (uint32_t k = 0; k < plan.members; ++k) alone &= k == root || parents[k] != r;
                folded.push_back({child.sum, alone ? child.weight : 1.0f});
                made.weight += child.weight;
            }
        }
        if (folded.empty()) return made;
        made.any = true;
        made.sum.resize(folded[0].bytes.size());
        if (leaf && at != root) made.sum.assign(folded[0].bytes.begin(), folded[0].bytes.end());
        else if (reduce != Reduce::avg) fold(reduce, dtype, folded, made.sum);
        else if (at != root) fold_partial_avg(folded, made.sum);
        else fold_partials(folded, made.weight, made.sum);
        return made;
    };
    return made_at(made_at, root).sum;
}

}  // namespace whim::op
