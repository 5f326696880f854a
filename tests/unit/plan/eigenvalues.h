// The spectrum of small symmetric matrices by Jacobi's rotations: exact to rounding, and nothing like the
// power iteration that it checks.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "collectives/plan/mixing.h"

namespace whim::gossip::test {

using Matrix = std::vector<std::vector<double>>;

inline Matrix matrix_of(const Mixing& mixing) {
    Matrix out(mixing.members(), std::vector<double>(mixing.members()));
    for (uint32_t r = 0; r < mixing.members(); ++r) {
        const Mixing::Row row = mixing.row({r});
        out[r][r] = row.own;
        for (size_t k = 0; k < row.from.size(); ++k) out[r][row.from[k].value] = row.weights[k];
    }
    return out;
}

inline std::vector<double> multiplied(const Matrix& matrix, const std::vector<double>& x) {
    std::vector<double> out(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
        for (size_t j = 0; j < x.size(); ++j) out[i] += matrix[i][j] * x[j];
    }
    return out;
}

inline void rotate(Matrix& a, size_t p, size_t q) {
    if (a[p][q] == 0) return;
    const double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
    const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
    const double c = 1 / std::sqrt(t * t + 1), s = t * c;
    for (size_t k = 0; k < a.size(); ++k) {
        const double kp = a[k][p], kq = a[k][q];
        a[k][p] = c * kp - s * kq;
        a[k][q] = s * kp + c * kq;
    }
    for (size_t k = 0; k < a.size(); ++k) {
        const double pk = a[p][k], qk = a[q][k];
        a[p][k] = c * pk - s * qk;
        a[q][k] = s * pk + c * qk;
    }
}

inline double off_diagonal(const Matrix& a) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) {
        for (size_t j = 0; j < a.size(); ++j) sum += i == j ? 0 : a[i][j] * a[i][j];
    }
    return sum;
}

// Of W - J among the living: the largest modulus is what contraction() estimates.
inline double second_modulus(const Mixing& mixing) {
    Matrix a = matrix_of(mixing);
    const double share = 1.0 / static_cast<double>(mixing.living().size());
    std::vector<bool> alive(mixing.members());
    for (const Rank r : mixing.living()) {
        alive[r.value] = true;
        for (const Rank c : mixing.living()) a[r.value][c.value] -= share;
    }
    for (int sweep = 0; sweep < 30 && off_diagonal(a) > 1e-24; ++sweep) {
        for (size_t p = 0; p < a.size(); ++p) {
            for (size_t q = p + 1; q < a.size(); ++q) rotate(a, p, q);
        }
    }
    double largest = 0;
    for (size_t r = 0; r < a.size(); ++r) {
        if (alive[r]) largest = std::max(largest, std::abs(a[r][r]));
    }
    return largest;
}

}  // namespace whim::gossip::test
