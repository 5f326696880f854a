// What gossip comes to, computed plainly from all inputs and from whose data each member says it mixed: one
// element at a time, with no chunks, frames or buffers. Shared by the op's model and the simulator.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "collectives/plan/chebyshev.h"
#include "collectives/plan/graph.h"
#include "collectives/plan/mixing.h"
#include "wire/values.h"

namespace whim::op {

struct ReportedMix {  // in this step these elements were mixed with the values of these ranks
    uint32_t step = 0;
    uint64_t first = 0, count = 0;
    std::vector<uint32_t> ranks;
};

struct GossipMember {
    std::vector<float> input;        // empty: never posted
    bool reported = false;           // else nothing is known of its steps
    std::vector<ReportedMix> mixes;  // by step
};

struct GossipOutcome {
    std::vector<float> values;
    std::vector<uint32_t> steps;  // taken, by element
    std::vector<bool> known;      // by element: false where somebody's steps are not known
    std::string problem;          // what cannot be, "" when nothing
};

namespace reference {

inline float mixed(float own, const std::vector<float>& others, const std::vector<float>& weights) {
    if (others.size() == 1 && weights[0] == 0.5f) return 0.5f * (own + others[0]);
    float sum = own;
    for (size_t i = 0; i < others.size(); ++i) sum += weights[i] * (others[i] - own);
    return sum;
}

inline bool neighbours(const gossip::Graph& graph, uint32_t a, uint32_t b) {
    const auto list = graph.neighbours({a});
    return std::find(list.begin(), list.end(), Rank{b}) != list.end();
}

}  // namespace reference

// One outcome for each member of the graph.
inline std::vector<GossipOutcome> gossip_reference(const gossip::GraphSpec& spec,
                                                   const wire::GossipTerms& terms, uint64_t elements,
                                                   const std::vector<GossipMember>& members) {
    const std::vector<bool> all(spec.members, true);
    std::vector<float> omegas(terms.steps, 1.0f);
    if (terms.chebyshev) {
        const gossip::Mixing mixing(gossip::graph_at(spec, 0), all);
        omegas = gossip::chebyshev_coefficients(gossip::contraction(mixing), terms.steps);
    }
    std::vector<GossipOutcome> now(spec.members);
    for (uint32_t r = 0; r < spec.members; ++r) {
        now[r].values = members[r].input;
        now[r].values.resize(elements);
        now[r].steps.assign(elements, 0);
        now[r].known.assign(elements, !members[r].input.empty() || elements == 0);
    }
    std::vector<GossipOutcome> before = now;
    for (uint32_t step = 0; step < terms.steps; ++step) {
        const gossip::Graph graph = gossip::graph_at(spec, terms.first_step + step);
        std::vector<GossipOutcome> next = now;
        for (uint32_t r = 0; r < spec.members; ++r) {
            GossipOutcome& mine = next[r];
            for (const ReportedMix& mix : members[r].mixes) {
                if (mix.step != step) continue;
                std::vector<float> weights;
                for (const uint32_t j : mix.ranks) {
                    if (j >= spec.members || !reference::neighbours(graph, r, j))
                        return mine.problem = "mixes rank " + std::to_string(j) + ", which is no neighbour",
                               next;
                    weights.push_back(1.0f /
                                      static_cast<float>(1 + std::max(graph.degree({r}), graph.degree({j}))));
                }
                for (uint64_t e = mix.first; e < mix.first + mix.count; ++e) {
                    if (e >= elements || now[r].steps[e] != step)
                        return mine.problem = "reports steps out of order", next;
                    std::vector<float> others;
                    for (const uint32_t j : mix.ranks) {
                        mine.known[e] = mine.known[e] && now[j].known[e] && now[j].steps[e] == step;
                        if (members[j].reported && now[j].steps[e] != step)
                            return mine.problem = "mixes what rank " + std::to_string(j) + " never held",
                                   next;
                        others.push_back(now[j].values[e]);
                    }
                    mine.steps[e] = step + 1;
                    if (others.empty()) continue;
                    const float mixed = reference::mixed(now[r].values[e], others, weights);
                    const float previous = before[r].values[e];
                    mine.values[e] =
                        omegas[step] == 1.0f ? mixed : previous + omegas[step] * (mixed - previous);
                }
            }
        }
        before = std::move(now);
        now = std::move(next);
    }
    return now;
}

}  // namespace whim::op
