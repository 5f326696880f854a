// Metropolis weights, and the contraction of their matrix.
#include "collectives/plan/mixing.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"
#include "base/prng.h"

namespace whim::gossip {
namespace {

std::vector<uint32_t> living_degrees(const Graph& graph, const std::vector<bool>& alive) {
    std::vector<uint32_t> degrees(graph.members());
    for (uint32_t r = 0; r < graph.members(); ++r) {
        if (!alive[r]) continue;
        for (const Rank other : graph.neighbours({r})) degrees[r] += alive[other.value];
    }
    return degrees;
}

// One double for each member; those of the dead stay 0.
using Vector = std::vector<double>;

Vector multiplied(const Mixing& mixing, const Vector& x) {
    Vector out(x.size());
    for (const Rank r : mixing.living()) {
        const Mixing::Row row = mixing.row(r);
        double sum = row.own * x[r.value];
        for (size_t k = 0; k < row.from.size(); ++k) sum += row.weights[k] * x[row.from[k].value];
        out[r.value] = sum;
    }
    return out;
}

void remove_mean(const Mixing& mixing, Vector& x) {
    double sum = 0;
    for (const Rank r : mixing.living()) sum += x[r.value];
    const double mean = sum / static_cast<double>(mixing.living().size());
    for (const Rank r : mixing.living()) x[r.value] -= mean;
}

double dot(const Vector& x, const Vector& y) {
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
    return sum;
}

void add(Vector& x, double factor, const Vector& y) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += factor * y[i];
}

Vector of_length_one(Vector x) {
    const double length = std::sqrt(dot(x, x));
    for (double& value : x) value /= length;
    return x;
}

// Of no meaning but that it is the same everywhere.
constexpr uint64_t kStartSeed = 0x676f73736970;

Vector start(const Mixing& mixing) {
    Prng random(kStartSeed);
    Vector x(mixing.members());
    for (const Rank r : mixing.living()) x[r.value] = random.unit_float();
    remove_mean(mixing, x);
    return of_length_one(std::move(x));
}

// A symmetric matrix with entries beside its diagonal only; squares[i] is that of the entry between i and
// i+1.
struct Tridiagonal {
    std::vector<double> diagonal, squares;
};

// What the mixing matrix, without the mean, does to start() and its images (Lanczos 1950). Plain power
// iteration would take a nearly converged second eigenvalue for the first.
Tridiagonal lanczos(const Mixing& mixing) {
    constexpr double kSettled = 1e-9;  // the images hold nothing new
    const size_t steps = std::min<size_t>(mixing.living().size() - 1, kLanczosStepsMax);
    Tridiagonal out;
    std::vector<Vector> basis = {start(mixing)};
    while (true) {
        Vector image = multiplied(mixing, basis.back());
        remove_mean(mixing, image);
        out.diagonal.push_back(dot(image, basis.back()));
        for (int pass = 0; pass < 2; ++pass) {  // the second takes what the first left by rounding
            for (const Vector& known : basis) add(image, -dot(image, known), known);
        }
        const double square = dot(image, image);
        if (basis.size() == steps || square < kSettled * kSettled) return out;
        out.squares.push_back(square);
        basis.push_back(of_length_one(std::move(image)));
    }
}

// Eigenvalues below x (Sturm's sequence).
size_t eigenvalues_below(const Tridiagonal& matrix, double x) {
    size_t count = 0;
    double pivot = 1;
    for (size_t i = 0; i < matrix.diagonal.size(); ++i) {
        pivot = matrix.diagonal[i] - x - (i == 0 ? 0 : matrix.squares[i - 1] / pivot);
        if (pivot == 0) pivot = -0x1p-100;
        count += pivot < 0;
    }
    return count;
}

// Largest modulus of the eigenvalues, which lie in [-1, 1], by bisection.
double largest_modulus(const Tridiagonal& matrix) {
    double low = 0, high = 1;
    for (int halving = 0; halving < 50; ++halving) {
        const double middle = (low + high) / 2;
        const bool inside = eigenvalues_below(matrix, -middle) == 0 &&
                            eigenvalues_below(matrix, middle) == matrix.diagonal.size();
        (inside ? high : low) = middle;
    }
    return high;
}

}  // namespace

Mixing::Mixing(const Graph& graph, const std::vector<bool>& alive) {
    const uint32_t members = graph.members();
    WHIM_ASSERT(alive.size() == members);
    const std::vector<uint32_t> degrees = living_degrees(graph, alive);
    begins_.reserve(members + 1);
    own_.reserve(members);
    for (uint32_t r = 0; r < members; ++r) {
        begins_.push_back(static_cast<uint32_t>(from_.size()));
        double others = 0;  // exact: at most 1023 multiples of 2^-33 that sum to less than 1
        if (alive[r]) {
            living_.push_back({r});
            for (const Rank other : graph.neighbours({r})) {
                if (!alive[other.value]) continue;
                const uint32_t degree = std::max(degrees[r], degrees[other.value]);
                from_.push_back(other);
                weights_.push_back(1.0f / static_cast<float>(1 + degree));
                others += weights_.back();
            }
        }
        own_.push_back(static_cast<float>(1.0 - others));
    }
    begins_.push_back(static_cast<uint32_t>(from_.size()));
}

Mixing::Row Mixing::row(Rank rank) const {
    WHIM_ASSERT(rank.value < members());
    const uint32_t begin = begins_[rank.value], count = begins_[rank.value + 1] - begin;
    return {own_[rank.value], std::span(from_).subspan(begin, count),
            std::span(weights_).subspan(begin, count)};
}

double contraction(const Mixing& mixing) {
    return mixing.living().size() < 2 ? 0 : largest_modulus(lanczos(mixing));
}

}  // namespace whim::gossip
