// Goal: whole runs of gossip do what graphs, weights and kernels promise together: the mean stays, members
// come to agree, exactly where exactness is promised, and deaths on the way keep it so among the living.
// Method: members as rows of f32 in one thread, all kinds, n in 1..64, the mean in f64.
#include <gtest/gtest.h>

#include <cmath>

#include "base/prng.h"
#include "collectives/kernels/mix.h"
#include "collectives/plan/chebyshev.h"
#include "collectives/plan/mixing.h"

namespace whim::gossip {
namespace {

constexpr size_t kElements = 5;
using Members = std::vector<std::vector<float>>;

Members random_members(uint32_t n, Prng& random) {
    Members out(n, std::vector<float>(kElements));
    for (auto& values : out) {
        for (float& x : values) x = random.unit_float() * 2 - 1;
    }
    return out;
}

Members mixed(const Mixing& mixing, const Members& members) {
    Members out = members;
    for (const Rank r : mixing.living()) {
        const Mixing::Row row = mixing.row(r);
        std::vector<kernels::MixInput> inputs;
        for (size_t k = 0; k < row.from.size(); ++k)
            inputs.push_back({std::as_bytes(std::span(members[row.from[k].value])), row.weights[k]});
        kernels::mix({.own = std::as_bytes(std::span(members[r.value])), .inputs = inputs},
                     std::as_writable_bytes(std::span(out[r.value])));
    }
    return out;
}

double mean(const Members& members, std::span<const Rank> living, size_t element) {
    double sum = 0;
    for (const Rank r : living) sum += members[r.value][element];
    return sum / static_cast<double>(living.size());
}

double distance(const Members& members, std::span<const Rank> living) {
    double sum = 0;
    for (size_t i = 0; i < kElements; ++i) {
        const double middle = mean(members, living, i);
        for (const Rank r : living) sum += std::pow(members[r.value][i] - middle, 2);
    }
    return std::sqrt(sum);
}

void expect_same_mean(const Members& before, const Members& after, std::span<const Rank> living) {
    for (size_t i = 0; i < kElements; ++i) ASSERT_NEAR(mean(after, living, i), mean(before, living, i), 4e-7);
}

TEST(GossipRun, EachStepKeepsTheMeanOfTheLivingAndDrawsThemTogether) {
    Prng random(41);
    for (const GraphKind kind : kGraphKinds) {
        if (kind == GraphKind::listed) continue;
        for (uint32_t n = 1; n <= 64; ++n) {
            const GraphSpec spec{kind, n, kind == GraphKind::random_matching ? n : 0, {}};
            Members members = random_members(n, random);
            std::vector<bool> alive(n, true);
            for (uint32_t step = 0; step < n; ++step) {
                const Mixing mixing(graph_at(spec, step), alive);
                const Members after = mixed(mixing, members);
                ASSERT_NO_FATAL_FAILURE(expect_same_mean(members, after, mixing.living()));
                const double lambda = step % 8 == 0 ? contraction(mixing) : 1;
                ASSERT_LE(distance(after, mixing.living()),
                          distance(members, mixing.living()) * lambda + 1e-5);
                members = after;
                uint32_t dies = static_cast<uint32_t>(random.below(n));
                while (!alive[dies]) dies = (dies + 1) % n;
                alive[dies] = false;
            }
        }
    }
}

TEST(GossipRun, OnePeerExponentialAgreesToTheBitAfterAnyWholePeriod) {
    Prng random(42);
    for (const uint32_t n : {1u, 2u, 4u, 8u, 16u, 32u, 64u}) {
        const GraphSpec spec{GraphKind::one_peer_exponential, n, 0, {}};
        const std::vector<bool> alive(n, true);
        for (uint32_t start = 0; start < period_steps(spec); ++start) {
            Members members = random_members(n, random);
            const Members before = members;
            for (uint32_t step = start; step < start + period_steps(spec); ++step)
                members = mixed(Mixing(graph_at(spec, step), alive), members);
            for (const auto& values : members) EXPECT_EQ(values, members[0]);
            const Mixing whole(graph_at(spec, 0), alive);
            expect_same_mean(before, members, whole.living());
        }
    }
}

TEST(GossipRun, TimeVaryingGraphsAgreeAlsoWhereSomebodySitsOut) {
    Prng random(43);
    for (uint32_t n = 2; n <= 64; ++n) {
        for (const GraphKind kind : {GraphKind::one_peer_exponential, GraphKind::random_matching}) {
            const GraphSpec spec{kind, n, kind == GraphKind::random_matching ? 6ull : 0ull, {}};
            const std::vector<bool> alive(n, true);
            Members members = random_members(n, random);
            const Mixing whole(graph_at(spec, 0), alive);
            const double before = distance(members, whole.living());
            for (uint32_t step = 0; step < 60; ++step)
                members = mixed(Mixing(graph_at(spec, step), alive), members);
            EXPECT_LT(distance(members, whole.living()), before * 3e-4) << kind_name(kind) << " of " << n;
        }
    }
}

TEST(GossipRun, ChebyshevKeepsTheMeanAndItsBoundInF32) {
    Prng random(44);
    for (const GraphKind kind : {GraphKind::ring, GraphKind::hypercube, GraphKind::exponential}) {
        for (uint32_t n = 2; n <= 64; ++n) {
            const Mixing mixing(graph_at({kind, n, 0, {}}, 0), std::vector<bool>(n, true));
            const double lambda = contraction(mixing);
            const Members first = random_members(n, random);
            Members previous = first, latest = first;
            for (const float omega : chebyshev_coefficients(lambda, 16)) {
                const Members next = mixed(mixing, latest);
                for (uint32_t r = 0; r < n; ++r) {
                    const MutableByteSpan last = std::as_writable_bytes(std::span(previous[r]));
                    kernels::mix({.own = std::as_bytes(std::span(next[r])), .omega = omega, .previous = last},
                                 last);
                }
                std::swap(previous, latest);
            }
            ASSERT_NO_FATAL_FAILURE(expect_same_mean(first, latest, mixing.living()));
            constexpr double kRounding = 4e-6;  // of 16 steps in f32
            ASSERT_LE(distance(latest, mixing.living()),
                      distance(first, mixing.living()) * (chebyshev_bound(lambda, 16) + kRounding));
        }
    }
}

}  // namespace
}  // namespace whim::gossip
