// Single linkage: two members are of one region when steps shorter than the gap lead from one to the other.
#include "collectives/plan/regions.h"

#include <map>
#include <numeric>

namespace whim::plan {
namespace {

constexpr double kNear = 2e-3;     // round trips below it are alike
constexpr double kSteepest = 2.0;  // from one edge to the next, for a gap

// Numbers what `key` tells apart by the lowest rank that has it.
template <class Key> Regions numbered(const std::vector<Key>& key) {
    Regions regions;
    std::map<Key, uint32_t> number;
    for (const Key& k : key)
        regions.of.push_back(number.try_emplace(k, static_cast<uint32_t>(number.size())).first->second);
    regions.count = static_cast<uint32_t>(number.size());
    return regions;
}

}  // namespace

std::vector<std::vector<uint32_t>> Regions::members() const {
    std::vector<std::vector<uint32_t>> lists(count);
    for (uint32_t v = 0; v < of.size(); ++v) lists[of[v]].push_back(v);
    return lists;
}

Regions without_edges_from(const Tree& tree, uint32_t members, double cost) {
    std::vector<uint32_t> leader(members);
    std::iota(leader.begin(), leader.end(), 0);
    const auto find = [&](uint32_t v) {
        while (leader[v] != v) v = leader[v] = leader[leader[v]];
        return v;
    };
    for (const Tree::Edge& edge : tree.edges)
        if (edge.cost < cost) leader[find(edge.a)] = find(edge.b);
    std::vector<uint32_t> key;
    for (uint32_t v = 0; v < members; ++v) key.push_back(find(v));
    return numbered(key);
}

Regions find_regions(const Net& net) {
    const uint32_t n = net.members();
    std::vector<uint32_t> names;
    for (uint32_t v = 0; v < n; ++v) names.push_back(net.links().member(v).region);
    if (std::any_of(names.begin(), names.end(), [](uint32_t name) { return name != 0; })) {
        Regions regions = numbered(names);
        regions.named = true;
        return regions;
    }
    const Tree tree = spanning_tree(n, [&](uint32_t a, uint32_t b) { return net.rtt_s(a, b); });
    double steepest = kSteepest, gap = -1;
    for (size_t i = 1; i < tree.edges.size(); ++i) {
        const double rise = tree.edges[i].cost / std::max(tree.edges[i - 1].cost, kNear);
        if (rise < steepest) continue;
        steepest = rise;
        gap = tree.edges[i].cost;
    }
    if (gap < 0) return numbered(std::vector<uint32_t>(n, 0));
    return without_edges_from(tree, n, gap);
}

}  // namespace whim::plan
