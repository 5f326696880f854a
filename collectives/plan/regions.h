// Groups of members that are near each other: as the user named them, else found in the round trips.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "collectives/plan/links.h"

namespace whim::plan {

struct Regions {
    std::vector<uint32_t> of;  // each member's, numbered by their lowest rank
    uint32_t count = 1;
    bool named = false;
    std::vector<std::vector<uint32_t>> members() const;
};

// Named, when some member has a name; those without one are a region. Otherwise a spanning tree of least
// round trips is cut where they rise most steeply: at least to the double. One region when they do not.
Regions find_regions(const Net& net);

struct Tree {
    struct Edge {
        double cost = 0;
        uint32_t a = 0, b = 0;
    };
    std::vector<Edge> edges;  // from the cheapest
};

// A spanning tree of least cost (Prim). cost(a, b) is the same both ways.
template <class Cost> Tree spanning_tree(uint32_t members, Cost cost) {
    Tree tree;
    std::vector<Tree::Edge> best(members);
    std::vector<bool> in(members);
    uint32_t last = 0;
    in[0] = true;
    for (uint32_t v = 1; v < members; ++v) best[v] = {cost(0, v), 0, v};
    for (uint32_t count = 1; count < members; ++count) {
        if (count > 1)
            for (uint32_t v = 0; v < members; ++v)
                if (!in[v])
                    if (const double c = cost(last, v); c < best[v].cost) best[v] = {c, last, v};
        uint32_t next = members;
        for (uint32_t v = 0; v < members; ++v)
            if (!in[v] && (next == members || best[v].cost < best[next].cost)) next = v;
        in[next] = true;
        last = next;
        tree.edges.push_back(best[next]);
    }
    std::stable_sort(tree.edges.begin(), tree.edges.end(),
                     [](const Tree::Edge& x, const Tree::Edge& y) { return x.cost < y.cost; });
    return tree;
}

// What holds together without the edges that cost that much or more.
Regions without_edges_from(const Tree& tree, uint32_t members, double cost);

}  // namespace whim::plan
