// The edges of each kind of graph, their adjacency, and what is refused.
#include "collectives/plan/graph.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "base/prng.h"

namespace whim::gossip {
namespace {

using Edges = std::vector<GraphEdge>;

GraphEdge edge(uint32_t a, uint32_t b) { return {{std::min(a, b)}, {std::max(a, b)}}; }

// ceil(log2 n): the powers of two below n.
uint32_t powers_below(uint32_t n) { return static_cast<uint32_t>(std::bit_width(n - 1)); }

// r - r+offset mod n for every r; 0 < offset < n.
void add_circle(uint32_t n, uint32_t offset, Edges& edges) {
    for (uint32_t r = 0; r < n; ++r) edges.push_back(edge(r, (r + offset) % n));
}

Edges ring(uint32_t n) {
    Edges edges;
    if (n > 1) add_circle(n, 1, edges);
    return edges;
}

Edges hypercube(uint32_t n) {
    Edges edges;
    for (uint32_t r = 0; r < n; ++r) {
        for (uint32_t bit = 1; bit < n; bit *= 2) {
            if ((r & bit) == 0 && (r | bit) < n) edges.push_back(edge(r, r | bit));
        }
    }
    return edges;
}

Edges exponential(uint32_t n) {
    Edges edges;
    for (uint32_t offset = 1; offset < n; offset *= 2) add_circle(n, offset, edges);
    return edges;
}

// Offsets of 2^j make gcd(n, 2^j) cycles; each begins at its lowest rank, which is below the gcd.
Edges one_peer_exponential(uint32_t n, uint64_t step) {
    Edges edges;
    if (n < 2) return edges;
    const uint32_t offset = 1u << (step % powers_below(n));
    const uint32_t cycles = std::gcd(n, offset);
    for (uint32_t first = 0; first < cycles; ++first) {
        uint32_t at = first;
        for (uint32_t left = n / cycles; left >= 2; left -= 2) {
            const uint32_t partner = (at + offset) % n;
            edges.push_back(edge(at, partner));
            at = (partner + offset) % n;
        }
    }
    return edges;
}

Edges random_matching(uint32_t n, uint64_t seed, uint64_t step) {
    Prng random(mix64(mix64(seed) ^ step));
    std::vector<uint32_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    for (uint32_t i = n - 1; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
    Edges edges;
    for (uint32_t i = 0; i + 1 < n; i += 2) edges.push_back(edge(order[i], order[i + 1]));
    return edges;
}

Edges complete(uint32_t n) {
    Edges edges;
    for (uint32_t low = 0; low < n; ++low) {
        for (uint32_t high = low + 1; high < n; ++high) edges.push_back(edge(low, high));
    }
    return edges;
}

Edges edges_at(const GraphSpec& spec, uint64_t step) {
    switch (spec.kind) {
        case GraphKind::ring: return ring(spec.members);
        case GraphKind::hypercube: return hypercube(spec.members);
        case GraphKind::exponential: return exponential(spec.members);
        case GraphKind::one_peer_exponential: return one_peer_exponential(spec.members, step);
        case GraphKind::random_matching: return random_matching(spec.members, spec.seed, step);
        case GraphKind::complete: return complete(spec.members);
        case GraphKind::listed: return spec.edges;
    }
    WHIM_ASSERT(false);
    return {};
}

void sort_distinct(Edges& edges) {
    if (!std::is_sorted(edges.begin(), edges.end())) std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
}

Error refused(std::string detail) { return fail(Code::E_INVALID, "gossip graph: " + std::move(detail)); }

std::string text(GraphEdge e) { return std::to_string(e.low.value) + "-" + std::to_string(e.high.value); }

Status check_counts(uint32_t members, size_t edges) {
    if (members == 0 || members > limits::kMembersMax)
        return refused(std::to_string(members) + " members; from 1 to " +
                       std::to_string(limits::kMembersMax));
    if (edges > limits::kGossipEdgesMax)
        return refused(std::to_string(edges) + " edges; at most " + std::to_string(limits::kGossipEdgesMax));
    return {};
}

Status check_edge(GraphEdge e, uint32_t members) {
    if (e.low == e.high) return refused("edge " + text(e) + " joins a member with itself");
    if (std::max(e.low, e.high).value >= members)
        return refused("edge " + text(e) + " names a rank beyond the " + std::to_string(members) +
                       " members");
    return {};
}

// Sets of ranks that are joined, as a forest whose roots are the lowest ranks of their sets.
class Parts {
public:
    explicit Parts(uint32_t members) : parent_(members) { std::iota(parent_.begin(), parent_.end(), 0); }

    uint32_t root(uint32_t r) {
        while (parent_[r] != r) r = parent_[r] = parent_[parent_[r]];
        return r;
    }

    void join(uint32_t a, uint32_t b) {
        const auto [low, high] = std::minmax({root(a), root(b)});
        parent_[high] = low;
    }

private:
    std::vector<uint32_t> parent_;
};

}  // namespace

std::string_view kind_name(GraphKind kind) {
    switch (kind) {
        case GraphKind::ring: return "ring";
        case GraphKind::hypercube: return "hypercube";
        case GraphKind::exponential: return "exponential";
        case GraphKind::one_peer_exponential: return "one-peer-exponential";
        case GraphKind::random_matching: return "random-matching";
        case GraphKind::complete: return "complete";
        case GraphKind::listed: return "listed";
    }
    return "unknown";
}

Result<GraphSpec> listed_graph(uint32_t members, std::span<const GraphEdge> edges) {
    if (Status counts = check_counts(members, edges.size()); !counts) return counts.error();
    GraphSpec spec{GraphKind::listed, members, 0, {}};
    for (const GraphEdge e : edges) {
        if (Status good = check_edge(e, members); !good) return good.error();
        spec.edges.push_back(edge(e.low.value, e.high.value));
    }
    sort_distinct(spec.edges);
    return spec;
}

Status validate(const GraphSpec& spec) {
    if (std::find(std::begin(kGraphKinds), std::end(kGraphKinds), spec.kind) == std::end(kGraphKinds))
        return refused("kind " + std::to_string(static_cast<int>(spec.kind)) + " is not known");
    if (Status counts = check_counts(spec.members, spec.edges.size()); !counts) return counts;
    if (spec.kind != GraphKind::random_matching && spec.seed != 0)
        return refused(std::string(kind_name(spec.kind)) + " takes no seed");
    if (spec.kind != GraphKind::listed && !spec.edges.empty())
        return refused(std::string(kind_name(spec.kind)) + " takes no list of edges");
    for (size_t i = 0; i < spec.edges.size(); ++i) {
        const GraphEdge e = spec.edges[i];
        if (Status good = check_edge(e, spec.members); !good) return good;
        if (e.low > e.high) return refused("edge " + text(e) + " names the higher rank first");
        if (i > 0 && e <= spec.edges[i - 1])
            return refused("edge " + text(e) + " is not above the one before it");
    }
    return {};
}

// Ascending edges leave each list ascending: those to lower ranks are met first, in order, as highs.
Graph::Graph(uint32_t members, std::span<const GraphEdge> edges)
    : begins_(members + 1), neighbours_(edges.size() * 2) {
    for (const GraphEdge e : edges) {
        WHIM_ASSERT(e.low < e.high && e.high.value < members);
        ++begins_[e.low.value];
        ++begins_[e.high.value];
    }
    std::exclusive_scan(begins_.begin(), begins_.end(), begins_.begin(), 0u);
    std::vector<uint32_t> next(begins_.begin(), begins_.end() - 1);
    for (const GraphEdge e : edges) neighbours_[next[e.high.value]++] = e.low;
    for (const GraphEdge e : edges) neighbours_[next[e.low.value]++] = e.high;
}

std::span<const Rank> Graph::neighbours(Rank rank) const {
    WHIM_ASSERT(rank.value < members());
    const uint32_t begin = begins_[rank.value];
    return std::span(neighbours_).subspan(begin, begins_[rank.value + 1] - begin);
}

Graph graph_at(const GraphSpec& spec, uint64_t step) {
    WHIM_ASSERT(validate(spec).ok());
    Edges edges = edges_at(spec, step);
    sort_distinct(edges);
    return Graph(spec.members, edges);
}

uint32_t period_steps(const GraphSpec& spec) {
    switch (spec.kind) {
        case GraphKind::one_peer_exponential: return std::max(powers_below(spec.members), 1u);
        case GraphKind::random_matching: return 0;
        case GraphKind::ring:
        case GraphKind::hypercube:
        case GraphKind::exponential:
        case GraphKind::complete:
        case GraphKind::listed: return 1;
    }
    WHIM_ASSERT(false);
    return 0;
}

uint32_t connected_parts(std::span<const Graph> graphs, const std::vector<bool>& alive) {
    const uint32_t members = static_cast<uint32_t>(alive.size());
    Parts parts(members);
    for (const Graph& graph : graphs) {
        WHIM_ASSERT(graph.members() == members);
        for (uint32_t r = 0; r < members; ++r) {
            if (!alive[r]) continue;
            for (const Rank other : graph.neighbours({r})) {
                if (alive[other.value]) parts.join(r, other.value);
            }
        }
    }
    uint32_t count = 0;
    for (uint32_t r = 0; r < members; ++r) count += alive[r] && parts.root(r) == r;
    return count;
}

uint32_t connected_parts(const Graph& graph, const std::vector<bool>& alive) {
    return connected_parts(std::span(&graph, 1), alive);
}

}  // namespace whim::gossip
