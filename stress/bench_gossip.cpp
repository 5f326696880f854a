// How fast gossip contracts on each graph: members as rows of f32 in one process, mixed by the library's own
// graphs, weights and kernels. The distance from the mean is f64; results depend on the seed alone.
//   ./run bench gossip [--members 8,16,64] [--steps 8] [--trials 200]
// One JSON line for each graph and number of members:
//   sends        values that a member sends in a step, as multiples of its buffer, in the mean
//   lambda       the bound of a step (contraction()); null, as the next four, where the graph changes
//   worst        what a step leaves of the distance when only the slowest direction is left
//   chebyshev    what Chebyshev's steps leave, each, from random members
//   chebyshev_worst, chebyshev_bound  the same from the slowest direction, and at most
//   step         what a step leaves from random members
// Means are those of squares over all trials, then over `steps` steps; 0 is agreement to rounding.
#include <cmath>
#include <cstdio>
#include <iostream>
#include <numeric>
#include <optional>

#include "base/limits.h"
#include "base/prng.h"
#include "collectives/kernels/mix.h"
#include "collectives/plan/chebyshev.h"
#include "collectives/plan/mixing.h"
#include "stress/machine.h"
#include "stress/options.h"

namespace {

using namespace whim;
using namespace whim::gossip;

constexpr size_t kElements = 64;
constexpr uint64_t kSeed = 1;

using Members = std::vector<std::vector<float>>;

Members random_members(uint32_t n, Prng& random) {
    Members out(n, std::vector<float>(kElements));
    for (auto& values : out) {
        for (float& x : values) x = random.unit_float() * 2 - 1;
    }
    return out;
}

double distance(const Members& members) {
    double sum = 0;
    for (size_t i = 0; i < kElements; ++i) {
        double mean = 0;
        for (const auto& values : members) mean += values[i] / static_cast<double>(members.size());
        for (const auto& values : members) sum += (values[i] - mean) * (values[i] - mean);
    }
    return std::sqrt(sum);
}

Members mixed(const Mixing& mixing, const Members& members) {
    Members out = members;
    std::vector<kernels::MixInput> inputs;
    for (const Rank r : mixing.living()) {
        const Mixing::Row row = mixing.row(r);
        inputs.clear();
        for (size_t k = 0; k < row.from.size(); ++k)
            inputs.push_back({std::as_bytes(std::span(members[row.from[k].value])), row.weights[k]});
        kernels::mix({.own = std::as_bytes(std::span(members[r.value])), .inputs = inputs},
                     std::as_writable_bytes(std::span(out[r.value])));
    }
    return out;
}

Mixing mixing_at(const GraphSpec& spec, uint64_t step) {
    return Mixing(graph_at(spec, step), std::vector<bool>(spec.members, true));
}

// What is left of the distance after some steps.
double plain(const GraphSpec& spec, uint64_t first, uint32_t steps, Members members) {
    const double before = distance(members);
    for (uint64_t step = first; step < first + steps; ++step) members = mixed(mixing_at(spec, step), members);
    return distance(members) / before;
}

double accelerated(const GraphSpec& spec, double lambda, uint32_t steps, Members members) {
    const Mixing mixing = mixing_at(spec, 0);
    const double before = distance(members);
    Members previous = members;
    for (const float omega : chebyshev_coefficients(lambda, steps)) {
        const Members next = mixed(mixing, members);
        for (size_t r = 0; r < next.size(); ++r) {
            const MutableByteSpan last = std::as_writable_bytes(std::span(previous[r]));
            kernels::mix({.own = std::as_bytes(std::span(next[r])), .omega = omega, .previous = last}, last);
        }
        std::swap(previous, members);
    }
    return distance(members) / before;
}

double sends(const GraphSpec& spec) {
    const uint32_t steps = std::max(period_steps(spec), 1u);
    double ends = 0;
    for (uint32_t step = 0; step < steps; ++step)
        ends += 2 * static_cast<double>(graph_at(spec, step).edges());
    return ends / steps / spec.members;
}

std::string number(std::optional<double> value) {
    char text[32] = "null";
    if (value) std::snprintf(text, sizeof text, "%.4g", *value);
    return text;
}

// Members that differ in the slowest direction only: what many steps leave, blown up again after each.
Members slowest(const Mixing& mixing, Members members) {
    for (int step = 0; step < 2000; ++step) {
        members = mixed(mixing, members);
        const double grow = 1 / std::max(distance(members), 1e-30);
        for (size_t i = 0; i < kElements; ++i) {
            double mean = 0;
            for (const auto& values : members) mean += values[i] / static_cast<double>(members.size());
            for (auto& values : members) values[i] = static_cast<float>((values[i] - mean) * grow);
        }
    }
    return members;
}

// Of one step, from what is left after all, squared, in the mean.
double per_step(double squares, uint32_t trials, uint32_t steps) {
    const double rest = std::sqrt(squares / trials);
    return rest < 0x1p-21 ? 0 : std::pow(rest, 1.0 / steps);
}

void measure(const GraphSpec& spec, uint32_t steps, uint32_t trials) {
    std::optional<double> lambda, worst, chebyshev, chebyshev_worst, bound;
    Prng random(kSeed);
    if (period_steps(spec) == 1) {
        const Mixing mixing = mixing_at(spec, 0);
        const Members start = slowest(mixing, random_members(spec.members, random));
        lambda = contraction(mixing);
        worst = per_step(std::pow(plain(spec, 0, steps, start), 2), 1, steps);
        chebyshev_worst = per_step(std::pow(accelerated(spec, *lambda, steps, start), 2), 1, steps);
        bound = std::pow(chebyshev_bound(*lambda, steps), 1.0 / steps);
    }
    double squares = 0, chebyshev_squares = 0;
    for (uint32_t trial = 0; trial < trials; ++trial) {
        const Members members = random_members(spec.members, random);
        squares += std::pow(plain(spec, trial * uint64_t{steps}, steps, members), 2);
        if (lambda) chebyshev_squares += std::pow(accelerated(spec, *lambda, steps, members), 2);
    }
    if (lambda) chebyshev = per_step(chebyshev_squares, trials, steps);
    std::cout << "{\"bench\": \"gossip\", \"graph\": \"" << kind_name(spec.kind)
              << "\", \"n\": " << spec.members << ", \"sends\": " << number(sends(spec))
              << ", \"steps\": " << steps << ", \"trials\": " << trials
              << ", \"step\": " << number(per_step(squares, trials, steps))
              << ", \"lambda\": " << number(lambda) << ", \"worst\": " << number(worst)
              << ", \"chebyshev\": " << number(chebyshev)
              << ", \"chebyshev_worst\": " << number(chebyshev_worst)
              << ", \"chebyshev_bound\": " << number(bound) << ", \"commit\": \"" << stress::commit()
              << "\"}\n";
}

}  // namespace

int main(int argc, char** argv) try {
    const stress::Options options(argc, argv, {"members", "steps", "trials"});
    const auto steps = static_cast<uint32_t>(options.number("steps", 8));
    const auto trials = static_cast<uint32_t>(options.number("trials", 200));
    if (steps == 0 || steps > limits::kGossipStepsMax || trials == 0)
        throw std::runtime_error("--steps: from 1 to 64; --trials: at least 1");
    for (const std::string& text : stress::split(options.text("members", "8,16,64"))) {
        for (const GraphKind kind : kGraphKinds) {
            if (kind == GraphKind::listed) continue;
            const uint64_t seed = kind == GraphKind::random_matching ? kSeed : 0;
            const GraphSpec spec{kind, static_cast<uint32_t>(std::stoul(text)), seed, {}};
            if (const Status good = validate(spec); !good) throw std::runtime_error(good.error().detail);
            if (spec.members < 2) throw std::runtime_error("--members: at least 2");
            measure(spec, steps, trials);
        }
    }
    return 0;
} catch (const std::exception& problem) {
    std::cerr << "bench gossip: " << problem.what() << "\n";
    return 2;
}
