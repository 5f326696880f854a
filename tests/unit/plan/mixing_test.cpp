// Goal: weights are doubly stochastic for every graph and every set of the living; contraction() is what such
// steps do; Chebyshev's steps keep their bound.
// Method: all kinds over n in 1..64 with members dying one by one, against sums in f64, Jacobi's eigenvalues
// and the published figures of well-known graphs.
#include "collectives/plan/mixing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/prng.h"
#include "collectives/plan/chebyshev.h"
#include "tests/unit/plan/eigenvalues.h"

namespace whim::gossip {
namespace {

constexpr GraphKind kSteady[] = {GraphKind::ring, GraphKind::hypercube, GraphKind::exponential,
                                 GraphKind::complete};

GraphSpec spec_of(GraphKind kind, uint32_t members, uint64_t seed = 0) {
    return {kind, members, kind == GraphKind::random_matching ? seed : 0, {}};
}

// A random connected graph: a path through all in random order, and as many edges again.
GraphSpec random_listed(uint32_t members, Prng& random) {
    std::vector<uint32_t> order(members);
    std::iota(order.begin(), order.end(), 0);
    for (uint32_t i = members - 1; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
    std::vector<GraphEdge> edges;
    for (uint32_t i = 0; i + 1 < members; ++i) {
        edges.push_back({{order[i]}, {order[i + 1]}});
        const uint32_t other = static_cast<uint32_t>(random.below(members));
        if (other != order[i]) edges.push_back({{order[i]}, {other}});
    }
    return listed_graph(members, edges).value();
}

GraphSpec some_spec(GraphKind kind, uint32_t members, Prng& random) {
    return kind == GraphKind::listed ? random_listed(members, random) : spec_of(kind, members, random.next());
}

Mixing mixing_at(const GraphSpec& spec, uint64_t step) {
    return Mixing(graph_at(spec, step), std::vector<bool>(spec.members, true));
}

void expect_doubly_stochastic(const Mixing& mixing, const std::vector<bool>& alive) {
    const uint32_t n = mixing.members();
    const test::Matrix w = test::matrix_of(mixing);
    std::vector<double> columns(n);
    for (uint32_t r = 0; r < n; ++r) {
        double row = 0;
        for (uint32_t c = 0; c < n; ++c) {
            row += w[r][c];
            columns[c] += w[r][c];
            ASSERT_GE(w[r][c], 0);
            ASSERT_EQ(w[r][c], w[c][r]);
            ASSERT_TRUE(r == c || w[r][c] == 0 || (alive[r] && alive[c]));
        }
        ASSERT_GT(w[r][r], 0) << "a member forgets itself";
        ASSERT_LE(std::abs(row - 1), kRowErrorMax);
        ASSERT_TRUE(alive[r] || w[r][r] == 1);
    }
    for (const double column : columns) ASSERT_LE(std::abs(column - 1), kRowErrorMax);
}

TEST(Mixing, IsDoublyStochasticAmongTheLivingWhoeverDies) {
    Prng random(11);
    for (const GraphKind kind : kGraphKinds) {
        for (uint32_t n = 1; n <= 64; ++n) {
            const GraphSpec spec = some_spec(kind, n, random);
            std::vector<bool> alive(n, true);
            for (uint32_t step = 0; step < n; ++step) {
                const Mixing mixing(graph_at(spec, step), alive);
                ASSERT_NO_FATAL_FAILURE(expect_doubly_stochastic(mixing, alive)) << kind_name(kind) << n;
                ASSERT_EQ(mixing.living().size(), n - step);
                uint32_t dies = static_cast<uint32_t>(random.below(n));
                while (!alive[dies]) dies = (dies + 1) % n;
                alive[dies] = false;
            }
        }
    }
}

TEST(Mixing, DenseAndLargeGraphsSumToOneToo) {
    Prng random(13);
    for (const GraphKind kind : {GraphKind::complete, GraphKind::exponential, GraphKind::listed}) {
        for (const uint32_t n : {1023u, 1024u}) {
            const Mixing mixing = mixing_at(some_spec(kind, n, random), 0);
            for (uint32_t r = 0; r < n; ++r) {
                const Mixing::Row row = mixing.row({r});
                double sum = row.own;
                for (const float weight : row.weights) sum += weight;
                ASSERT_LE(std::abs(sum - 1), kRowErrorMax);
            }
        }
    }
}

TEST(Mixing, WeightsAreMetropolis) {
    const std::vector<GraphEdge> star = {{{0}, {1}}, {{0}, {2}}, {{0}, {3}}, {{2}, {3}}};
    const Graph graph = graph_at(listed_graph(4, star).value(), 0);
    const test::Matrix all = test::matrix_of(Mixing(graph, {true, true, true, true}));
    EXPECT_EQ(all[0], (std::vector<double>{0.25, 0.25, 0.25, 0.25}));
    EXPECT_EQ(all[1], (std::vector<double>{0.25, 0.75, 0, 0}));
    EXPECT_EQ(all[2][3], double{1.0f / 3});
    EXPECT_EQ(all[2][2], double{static_cast<float>(0.75 - double{1.0f / 3})});
    const test::Matrix left = test::matrix_of(Mixing(graph, {true, true, false, true}));
    EXPECT_EQ(left[0], (std::vector<double>{left[0][0], double{1.0f / 3}, 0, double{1.0f / 3}}));
    EXPECT_EQ(left[2], (std::vector<double>{0, 0, 1, 0}));
}

TEST(Contraction, IsTheSecondEigenvalue) {
    Prng random(17);
    for (const GraphKind kind : {GraphKind::ring, GraphKind::hypercube, GraphKind::exponential,
                                 GraphKind::complete, GraphKind::listed}) {
        for (uint32_t n = 1; n <= 64; ++n) {
            const GraphSpec spec = some_spec(kind, n, random);
            std::vector<bool> alive(n, true);
            for (uint32_t dead = 0; dead < std::min(n, 3u); ++dead) {
                const Mixing mixing(graph_at(spec, 0), alive);
                const double exact = test::second_modulus(mixing), estimate = contraction(mixing);
                ASSERT_NEAR(estimate, exact, 1e-9) << kind_name(kind) << " of " << n << ", dead: " << dead;
                ASSERT_EQ(estimate, contraction(mixing));
                alive[random.below(n)] = false;
            }
        }
    }
}

TEST(Contraction, OfWellKnownGraphs) {
    const auto of = [](GraphKind kind, uint32_t n) { return contraction(mixing_at(spec_of(kind, n), 0)); };
    EXPECT_NEAR(of(GraphKind::ring, 8), 0.8047, 5e-5);  // 1/3 + 2/3 cos(2 pi / n)
    EXPECT_NEAR(of(GraphKind::ring, 16), 0.9493, 5e-5);
    EXPECT_NEAR(of(GraphKind::ring, 64), 0.9968, 5e-5);
    EXPECT_NEAR(of(GraphKind::hypercube, 8), 0.5, 1e-6);  // 1 - 2/(1 + log2 n)
    EXPECT_NEAR(of(GraphKind::hypercube, 16), 0.6, 1e-6);
    EXPECT_NEAR(of(GraphKind::hypercube, 64), 5.0 / 7, 1e-6);
    EXPECT_NEAR(of(GraphKind::complete, 64), 0, 1e-6);
    EXPECT_EQ(of(GraphKind::ring, 1), 0);
    EXPECT_LT(of(GraphKind::complete, 2), 1e-12);
}

TEST(Contraction, OfManyMembersIsCloseFromBelow) {
    const auto of = [](GraphKind kind, uint32_t n) { return contraction(mixing_at(spec_of(kind, n), 0)); };
    EXPECT_NEAR(of(GraphKind::hypercube, 1024), 9.0 / 11, 1e-6);
    EXPECT_NEAR(of(GraphKind::complete, 1024), 0, 1e-6);
    for (const uint32_t n : {256u, 1024u}) {  // the slowest graph there is, almost
        const double exact = 1 / 3.0 + 2 / 3.0 * std::cos(2 * std::acos(-1) / n);
        EXPECT_LE(of(GraphKind::ring, n), exact + 1e-9);
        EXPECT_NEAR(of(GraphKind::ring, n), exact, 4e-5);
    }
}

TEST(Contraction, OfPartsIsOne) {
    const std::vector<GraphEdge> two = {{{0}, {1}}, {{2}, {3}}};
    EXPECT_NEAR(contraction(mixing_at(listed_graph(4, two).value(), 0)), 1, 1e-12);
    EXPECT_NEAR(contraction(mixing_at(listed_graph(5, {}).value(), 0)), 1, 1e-12);
    const std::vector<bool> apart = {true, false, true, true, false, true};
    EXPECT_NEAR(contraction(Mixing(graph_at(spec_of(GraphKind::ring, 6), 0), apart)), 1, 1e-12);
}

// Cliques that a single edge joins hold almost nothing of the slow direction in a random start.
TEST(Contraction, SeesABottleneck) {
    for (const uint32_t half : {8u, 32u}) {
        std::vector<GraphEdge> edges = {{{0}, {half}}};
        for (uint32_t a = 0; a < half; ++a) {
            for (uint32_t b = a + 1; b < half; ++b) {
                edges.push_back({{a}, {b}});
                edges.push_back({{half + a}, {half + b}});
            }
        }
        const Mixing mixing = mixing_at(listed_graph(2 * half, edges).value(), 0);
        EXPECT_NEAR(contraction(mixing), test::second_modulus(mixing), 1e-12);
    }
}

// The rest of the matching's distance, squared, after one step, in the mean: (n-2) / (2(n-1)).
TEST(RandomMatching, ContractsAsPublished) {
    for (const uint32_t n : {8u, 16u, 64u}) {
        Prng random(n);
        double share = 0;
        constexpr int kTrials = 4000;
        for (int trial = 0; trial < kTrials; ++trial) {
            std::vector<double> x(n);
            for (double& value : x) value = random.unit_float() - 0.5;
            const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
            const Graph graph = graph_at(spec_of(GraphKind::random_matching, n, 9), trial);
            double before = 0, after = 0;
            for (uint32_t r = 0; r < n; ++r) {
                const double mixed = (x[r] + x[graph.neighbours({r})[0].value]) / 2;
                before += (x[r] - mean) * (x[r] - mean);
                after += (mixed - mean) * (mixed - mean);
            }
            share += after / before / kTrials;
        }
        EXPECT_NEAR(share, (n - 2.0) / (2 * (n - 1.0)), 0.02 * share);
    }
}

std::vector<double> random_deviations(uint32_t n, Prng& random) {
    std::vector<double> x(n);
    for (double& value : x) value = random.unit_float();
    const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
    for (double& value : x) value -= mean;
    return x;
}

double norm(const std::vector<double>& x) {
    return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
}

// What the recurrence leaves of a deviation from the mean.
double chebyshev_rest(const Mixing& mixing, double lambda, uint32_t steps, const std::vector<double>& x) {
    const test::Matrix w = test::matrix_of(mixing);
    std::vector<double> previous = x, latest = x;
    for (const float omega : chebyshev_coefficients(lambda, steps)) {
        std::vector<double> next = test::multiplied(w, latest);
        for (size_t i = 0; i < next.size(); ++i) next[i] = previous[i] + omega * (next[i] - previous[i]);
        previous = std::move(latest);
        latest = std::move(next);
    }
    return norm(latest) / norm(x);
}

TEST(Chebyshev, ContractsAtLeastAsTheBoundSays) {
    Prng random(19);
    for (const GraphKind kind : kSteady) {
        for (uint32_t n = 2; n <= 64; ++n) {
            const Mixing mixing = mixing_at(spec_of(kind, n), 0);
            const double lambda = contraction(mixing);
            const std::vector<double> x = random_deviations(n, random);
            for (const uint32_t steps : {0u, 1u, 2u, 3u, 8u, 32u, 64u}) {
                const double bound = chebyshev_bound(lambda, steps);
                ASSERT_LE(chebyshev_rest(mixing, lambda, steps, x), bound + 1e-6)
                    << kind_name(kind) << " of " << n << ", steps: " << steps;
                ASSERT_LE(bound, std::pow(lambda, steps) * (1 + 1e-9));
            }
        }
    }
}

TEST(Chebyshev, FiguresOfARingOfSixteen) {
    const double lambda = 1 / 3.0 + 2 / 3.0 * std::cos(std::acos(-1) / 8);
    EXPECT_NEAR(chebyshev_bound(lambda, 8), 0.147, 5e-4);
    EXPECT_NEAR(chebyshev_bound(lambda, 32), 6e-5, 5e-6);
    for (const uint32_t steps : {1u, 5u, 20u})
        EXPECT_NEAR(chebyshev_bound(lambda, steps), 1 / std::cosh(steps * std::acosh(1 / lambda)), 1e-12);
}

TEST(Chebyshev, AWrongLambdaIsSlowerButContracts) {
    Prng random(23);
    const Mixing mixing = mixing_at(spec_of(GraphKind::ring, 16), 0);
    const double lambda = test::second_modulus(mixing);
    const std::vector<double> x = random_deviations(16, random);
    const double right = chebyshev_rest(mixing, lambda, 32, x);
    for (const double factor : {0.5, 0.9, 1.04}) {
        const double rest = chebyshev_rest(mixing, lambda * factor, 32, x);
        EXPECT_GT(rest, right) << factor;
        EXPECT_LT(rest, std::pow(lambda, 32) * 1.05) << factor;
    }
}

TEST(Chebyshev, NothingToAccelerateMeansPlainSteps) {
    for (const double lambda : {0.0, 1e-6, 1.0})
        EXPECT_EQ(chebyshev_coefficients(lambda, 3), (std::vector<float>{1, 1, 1}));
    EXPECT_EQ(chebyshev_bound(0, 1), 0);
    EXPECT_EQ(chebyshev_bound(1, 9), 1);
    EXPECT_TRUE(chebyshev_coefficients(0.5, 0).empty());
}

}  // namespace
}  // namespace whim::gossip
