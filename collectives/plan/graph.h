// Who averages with whom in a step of gossip: graphs over n members, named by rank.
//
// A GraphSpec describes the graphs of all steps; graph_at() makes the one of a step, in the time that its
// edges take to be listed and sorted. Edges have no direction, so every graph is symmetric: only then do
// weights stay doubly stochastic whoever dies (collectives/plan/mixing.h).
//
//   ring                  r - r+1 mod n
//   hypercube             r - r^2^j. Where n is no power of two, of the hypercube of the next one those edges
//                         that lie among the members: connected all the same
//   exponential           r - r+2^j mod n, for 2^j < n
//   one_peer_exponential  a matching for each step: of the edges r - r+2^j mod n, where j is the step modulo
//                         ceil(log2 n). These form cycles; along each, from its lowest rank, every second
//                         edge is taken. For n a power of two nobody sits out, and each ceil(log2 n) steps in
//                         a row give the exact average. Otherwise one of each odd cycle sits out, n/3 at most
//   random_matching       a matching for each step, uniform, from (seed, step): nobody sits out, or one of
//                         odd n
//   complete              all pairs
//   listed                the edges that the spec lists. They need not connect the members
//
// Pure functions, part of the protocol: two members that disagree about an edge wait for each other, so any
// change here is a new protocol version.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/status.h"

namespace whim::gossip {

enum class GraphKind : uint8_t {
    ring = 0,
    hypercube,
    exponential,
    one_peer_exponential,
    random_matching,
    complete,
    listed,
};

inline constexpr GraphKind kGraphKinds[] = {GraphKind::ring,
                                            GraphKind::hypercube,
                                            GraphKind::exponential,
                                            GraphKind::one_peer_exponential,
                                            GraphKind::random_matching,
                                            GraphKind::complete,
                                            GraphKind::listed};

std::string_view kind_name(GraphKind kind);  // "one-peer-exponential"

// A pair of members, the lower rank first.
struct GraphEdge {
    Rank low;
    Rank high;
    auto operator<=>(const GraphEdge&) const = default;
};

// The graphs of all steps. Specs that are equal describe equal graphs.
struct GraphSpec {
    GraphKind kind = GraphKind::ring;
    uint32_t members = 1;
    uint64_t seed = 0;             // of random_matching; else 0
    std::vector<GraphEdge> edges;  // of listed, ascending and distinct; else empty
    bool operator==(const GraphSpec&) const = default;
};

// A spec of the listed kind from edges in any order and direction; one that is there twice counts once.
// Refuses what validate() refuses.
Result<GraphSpec> listed_graph(uint32_t members, std::span<const GraphEdge> edges);

// For specs that come from elsewhere: kind, number of members (limits::kMembersMax), number of edges
// (limits::kGossipEdgesMax), and each edge. Nothing is allocated.
Status validate(const GraphSpec& spec);

// The graph of one step: for each rank its neighbours, ascending.
class Graph {
public:
    // edges: ascending, distinct, low < high < members.
    Graph(uint32_t members, std::span<const GraphEdge> edges);

    uint32_t members() const { return static_cast<uint32_t>(begins_.size() - 1); }
    uint64_t edges() const { return neighbours_.size() / 2; }
    std::span<const Rank> neighbours(Rank rank) const;
    uint32_t degree(Rank rank) const { return static_cast<uint32_t>(neighbours(rank).size()); }

private:
    std::vector<uint32_t> begins_;  // of each rank's part of neighbours_, and the end
    std::vector<Rank> neighbours_;
};

// spec is valid.
Graph graph_at(const GraphSpec& spec, uint64_t step);

// Steps after which the graphs repeat: 1 for those that never change, 0 for random_matching.
uint32_t period_steps(const GraphSpec& spec);

// Parts of the graph that no path joins, among the living alone: 1 is connected, 0 is nobody alive.
// alive: one flag for each rank.
uint32_t connected_parts(const Graph& graph, const std::vector<bool>& alive);

// The same of all graphs together, as of those of one period.
uint32_t connected_parts(std::span<const Graph> graphs, const std::vector<bool>& alive);

}  // namespace whim::gossip
