// Goal: every member sees the same graph, which is symmetric, without loops, as dense as its kind says, and
// joins all members, at once or over its steps; descriptions from elsewhere are refused before they do harm.
// Method: all kinds over all n in 1..64 and some larger, many steps and seeds; pinned edges, for they are
// protocol.
#include "collectives/plan/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <set>

#include "base/limits.h"

namespace whim::gossip {
namespace {

constexpr uint64_t kSteps = 24;

std::vector<uint32_t> member_counts() {
    std::vector<uint32_t> counts(64);
    std::iota(counts.begin(), counts.end(), 1);
    counts.insert(counts.end(), {65, 96, 100, 255, 1023, 1024});
    return counts;
}

GraphSpec spec_of(GraphKind kind, uint32_t members, uint64_t seed = 0) {
    return {kind, members, kind == GraphKind::random_matching ? seed : 0, {}};
}

std::vector<bool> everybody(uint32_t members) { return std::vector<bool>(members, true); }

std::vector<GraphEdge> edges_of(const Graph& graph) {
    std::vector<GraphEdge> out;
    for (uint32_t r = 0; r < graph.members(); ++r) {
        for (const Rank other : graph.neighbours({r})) {
            if (other.value > r) out.push_back({{r}, other});
        }
    }
    return out;
}

std::vector<GraphEdge> pairs(std::initializer_list<std::pair<uint32_t, uint32_t>> list) {
    std::vector<GraphEdge> out;
    for (const auto& [low, high] : list) out.push_back({{low}, {high}});
    return out;
}

bool contains(std::span<const Rank> ranks, Rank rank) {
    return std::binary_search(ranks.begin(), ranks.end(), rank);
}

uint32_t idle(const Graph& graph) {
    uint32_t count = 0;
    for (uint32_t r = 0; r < graph.members(); ++r) count += graph.degree({r}) == 0;
    return count;
}

TEST(Graph, EveryKindIsSymmetricWithoutLoops) {
    for (const GraphKind kind : kGraphKinds) {
        for (const uint32_t n : member_counts()) {
            const uint64_t steps = n <= 64 ? kSteps : 2;
            for (uint64_t step = 0; step < steps; ++step) {
                const Graph graph = graph_at(spec_of(kind, n, 5), step);
                ASSERT_EQ(graph.members(), n);
                uint64_t degrees = 0;
                for (uint32_t r = 0; r < n; ++r) {
                    const auto neighbours = graph.neighbours({r});
                    degrees += neighbours.size();
                    ASSERT_TRUE(std::adjacent_find(neighbours.begin(), neighbours.end(),
                                                   std::greater_equal<>()) == neighbours.end());
                    ASSERT_FALSE(contains(neighbours, {r}));
                    for (const Rank other : neighbours) ASSERT_TRUE(contains(graph.neighbours(other), {r}));
                }
                ASSERT_EQ(degrees, graph.edges() * 2);
            }
        }
    }
}

TEST(Graph, DegreesAreThoseOfTheKind) {
    for (const uint32_t n : member_counts()) {
        const uint32_t powers = static_cast<uint32_t>(std::bit_width(n - 1));
        const Graph ring = graph_at(spec_of(GraphKind::ring, n), 0);
        const Graph cube = graph_at(spec_of(GraphKind::hypercube, n), 0);
        const Graph exponential = graph_at(spec_of(GraphKind::exponential, n), 0);
        const Graph complete = graph_at(spec_of(GraphKind::complete, n), 0);
        for (uint32_t r = 0; r < n; ++r) {
            ASSERT_EQ(ring.degree({r}), std::min(n - 1, 2u));
            ASSERT_LE(cube.degree({r}), powers);
            ASSERT_TRUE(cube.degree({r}) == powers || !std::has_single_bit(n));
            ASSERT_EQ(exponential.degree({r}), exponential.degree({0}));
            ASSERT_LE(exponential.degree({r}), 2 * powers);
            ASSERT_EQ(complete.degree({r}), n - 1);
        }
    }
}

TEST(Graph, EveryKindJoinsAllMembersOverItsPeriod) {
    for (const uint32_t n : member_counts()) {
        for (const GraphKind kind : kGraphKinds) {
            if (kind == GraphKind::listed || kind == GraphKind::random_matching) continue;
            const GraphSpec spec = spec_of(kind, n);
            std::vector<Graph> period;
            for (uint32_t step = 0; step < period_steps(spec); ++step) period.push_back(graph_at(spec, step));
            EXPECT_EQ(connected_parts(period, everybody(n)), 1u) << kind_name(kind) << " of " << n;
            ASSERT_EQ(edges_of(graph_at(spec, 7)), edges_of(graph_at(spec, 7 + period_steps(spec))));
        }
    }
}

TEST(Graph, RandomMatchingsJoinAllMembersSoon) {
    for (uint32_t n = 1; n <= 64; ++n) {
        for (uint64_t seed = 0; seed < 20; ++seed) {
            const GraphSpec spec = spec_of(GraphKind::random_matching, n, seed);
            EXPECT_EQ(period_steps(spec), 0u);
            std::vector<Graph> graphs;
            for (uint64_t step = 0; step < 16; ++step) graphs.push_back(graph_at(spec, step));
            EXPECT_EQ(connected_parts(graphs, everybody(n)), 1u) << n << " seed " << seed;
        }
    }
}

TEST(Graph, MatchingsLeaveOutAsFewAsTheySay) {
    for (const uint32_t n : member_counts()) {
        for (uint64_t step = 0; step < kSteps; ++step) {
            const Graph random = graph_at(spec_of(GraphKind::random_matching, n, 77), step);
            const Graph exponential = graph_at(spec_of(GraphKind::one_peer_exponential, n), step);
            for (uint32_t r = 0; r < n; ++r) {
                ASSERT_LE(random.degree({r}), 1u);
                ASSERT_LE(exponential.degree({r}), 1u);
            }
            ASSERT_EQ(idle(random), n % 2);
            ASSERT_LE(idle(exponential), n == 1 ? 1 : std::has_single_bit(n) ? 0 : n / 3);
        }
    }
}

TEST(RandomMatching, EachPairIsEquallyLikely) {
    constexpr uint32_t kMembers = 8, kTrials = 7000;
    uint32_t met[kMembers][kMembers] = {};
    for (uint64_t step = 0; step < kTrials; ++step) {
        for (const GraphEdge e : edges_of(graph_at(spec_of(GraphKind::random_matching, kMembers, 3), step)))
            ++met[e.low.value][e.high.value];
    }
    for (uint32_t a = 0; a < kMembers; ++a) {
        for (uint32_t b = a + 1; b < kMembers; ++b) EXPECT_NEAR(met[a][b], 1000, 120) << a << "-" << b;
    }
}

TEST(RandomMatching, SeedsAndStepsDiffer) {
    std::set<std::vector<GraphEdge>> seen;
    for (uint64_t seed = 0; seed < 10; ++seed) {
        for (uint64_t step = 0; step < 10; ++step)
            seen.insert(edges_of(graph_at(spec_of(GraphKind::random_matching, 32, seed), step)));
    }
    EXPECT_EQ(seen.size(), 100u);
}

// From the definitions in graph.h and base/prng.h: matchings by another program (Python), the rest by hand.
TEST(Graph, GoldenEdges) {
    EXPECT_EQ(edges_of(graph_at(spec_of(GraphKind::hypercube, 6), 0)),
              pairs({{0, 1}, {0, 2}, {0, 4}, {1, 3}, {1, 5}, {2, 3}, {4, 5}}));
    EXPECT_EQ(edges_of(graph_at(spec_of(GraphKind::exponential, 5), 0)),
              pairs({{0, 1}, {0, 2}, {0, 3}, {0, 4}, {1, 2}, {1, 3}, {1, 4}, {2, 3}, {2, 4}, {3, 4}}));
    EXPECT_EQ(edges_of(graph_at(spec_of(GraphKind::one_peer_exponential, 8), 1)),
              pairs({{0, 2}, {1, 3}, {4, 6}, {5, 7}}));
    EXPECT_EQ(edges_of(graph_at(spec_of(GraphKind::one_peer_exponential, 6), 4)), pairs({{0, 2}, {1, 3}}));
    EXPECT_EQ(edges_of(graph_at(spec_of(GraphKind::one_peer_exponential, 5), 5)), pairs({{0, 4}, {2, 3}}));
    EXPECT_EQ(edges_of(graph_at(spec_of(GraphKind::random_matching, 9, 42), 0)),
              pairs({{0, 8}, {2, 6}, {3, 4}, {5, 7}}));
    EXPECT_EQ(edges_of(graph_at(spec_of(GraphKind::random_matching, 9, 42), 12345678901)),
              pairs({{0, 5}, {1, 7}, {3, 6}, {4, 8}}));
}

TEST(ListedGraph, TakesEdgesInAnyOrderAndDirection) {
    const auto given = pairs({{3, 1}, {0, 1}, {1, 0}, {2, 3}, {0, 1}});
    const Result<GraphSpec> spec = listed_graph(5, given);
    ASSERT_TRUE(spec.ok());
    EXPECT_EQ(spec->edges, pairs({{0, 1}, {1, 3}, {2, 3}}));
    EXPECT_TRUE(validate(*spec).ok());
    const Graph graph = graph_at(*spec, 9);
    EXPECT_EQ(graph.degree({1}), 2u);
    EXPECT_EQ(graph.degree({4}), 0u);
    EXPECT_EQ(connected_parts(graph, everybody(5)), 2u);
    EXPECT_EQ(connected_parts(graph, {true, true, true, true, false}), 1u);
    EXPECT_EQ(connected_parts(graph, {true, false, true, true, false}), 2u);
    EXPECT_EQ(connected_parts(graph, std::vector<bool>(5)), 0u);
}

std::string refusal(const GraphSpec& spec) {
    const Status status = validate(spec);
    EXPECT_TRUE(!status.ok() && status.error().code == Code::E_INVALID);
    return status.ok() ? "accepted" : status.error().detail;
}

TEST(Validate, SaysWhatIsWrongWithADescription) {
    const auto listed = [](uint32_t members, std::vector<GraphEdge> edges) {
        return refusal({GraphKind::listed, members, 0, std::move(edges)});
    };
    EXPECT_EQ(refusal({static_cast<GraphKind>(7), 4, 0, {}}), "gossip graph: kind 7 is not known");
    EXPECT_EQ(refusal({GraphKind::ring, 0, 0, {}}), "gossip graph: 0 members; from 1 to 1024");
    EXPECT_EQ(refusal({GraphKind::ring, 1025, 0, {}}), "gossip graph: 1025 members; from 1 to 1024");
    EXPECT_EQ(refusal({GraphKind::ring, 4, 1, {}}), "gossip graph: ring takes no seed");
    EXPECT_EQ(refusal({GraphKind::complete, 4, 0, pairs({{0, 1}})}),
              "gossip graph: complete takes no list of edges");
    EXPECT_EQ(listed(4, pairs({{2, 2}})), "gossip graph: edge 2-2 joins a member with itself");
    EXPECT_EQ(listed(4, pairs({{0, 4}})), "gossip graph: edge 0-4 names a rank beyond the 4 members");
    EXPECT_EQ(listed(4, pairs({{2, 1}})), "gossip graph: edge 2-1 names the higher rank first");
    EXPECT_EQ(listed(4, pairs({{1, 2}, {0, 1}})), "gossip graph: edge 0-1 is not above the one before it");
    EXPECT_EQ(listed(4, pairs({{0, 1}, {0, 1}})), "gossip graph: edge 0-1 is not above the one before it");
    EXPECT_EQ(listed(4, std::vector<GraphEdge>(limits::kGossipEdgesMax + 1)),
              "gossip graph: 65537 edges; at most 65536");
    EXPECT_FALSE(listed_graph(4, std::vector<GraphEdge>(limits::kGossipEdgesMax + 1)).ok());
    EXPECT_FALSE(listed_graph(4, pairs({{2, 2}})).ok());
    EXPECT_FALSE(listed_graph(4, pairs({{4, 0}})).ok());
    EXPECT_FALSE(listed_graph(0, {}).ok());
    EXPECT_TRUE(validate({GraphKind::listed, 4, 0, {}}).ok());
}

}  // namespace
}  // namespace whim::gossip
