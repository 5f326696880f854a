// The coefficients and the bound, by recurrences without growing numbers.
#include "collectives/plan/chebyshev.h"

#include "base/assert.h"
#include "base/limits.h"

namespace whim::gossip {
namespace {

// Below, a coefficient differs from 1 by less than f32 resolves; above, nothing contracts.
constexpr double kLambdaMin = 0x1p-10, kLambdaMax = 1 - 0x1p-20;

bool worth_it(double lambda) { return lambda >= kLambdaMin && lambda <= kLambdaMax; }

double next_omega(double lambda, uint32_t step, double omega) {
    if (step == 1) return 1;
    return 1 / (1 - lambda * lambda * (step == 2 ? 2 : omega) / 4);
}

}  // namespace

std::vector<float> chebyshev_coefficients(double lambda, uint32_t steps) {
    WHIM_ASSERT(lambda >= 0 && lambda <= 1 && steps <= limits::kGossipStepsMax);
    std::vector<float> out(steps, 1.0f);
    if (!worth_it(lambda)) return out;
    double omega = 1;
    for (uint32_t step = 1; step <= steps; ++step) {
        omega = next_omega(lambda, step, omega);
        out[step - 1] = static_cast<float>(omega);
    }
    return out;
}

// omega_q = 2 T_{q-1} / (lambda T_q) from q = 2 on, and T_1 = 1/lambda, all at 1/lambda.
double chebyshev_bound(double lambda, uint32_t steps) {
    WHIM_ASSERT(lambda >= 0 && lambda <= 1);
    double bound = 1, omega = 1;
    for (uint32_t step = 1; step <= steps; ++step) {
        omega = next_omega(lambda, step, omega);
        bound *= step == 1 ? lambda : omega * lambda / 2;
    }
    return bound;
}

}  // namespace whim::gossip
