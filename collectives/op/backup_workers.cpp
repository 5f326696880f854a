// DBW's estimates and its choice.
#include "collectives/op/backup_workers.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"

namespace whim::op {
namespace {

constexpr double kNewShare = 0.2;  // of the latest observation in a mean
constexpr double kWorthMoving = 1.1;

}  // namespace

double sample_variance(double norms2_sum, double mean_norm2, uint32_t k) {
    return k < 2 ? 0 : std::max(norms2_sum - k * mean_norm2, 0.0) / (k - 1);
}

void BackupWorkers::Recent::see(double sample) {
    value = known ? value + kNewShare * (sample - value) : sample;
    known = true;
}

BackupWorkers::BackupWorkers(uint32_t members, uint32_t min_contributors_min, double eta)
    : members_(members), least_(min_contributors_min), eta_(eta), times_ns_(members), choice_(members) {
    WHIM_ASSERT(least_ >= 1 && least_ <= members_ && eta_ > 0);
}

// Arrivals ascend and the missing count as the same, later moment, so means never fall in k.
void BackupWorkers::see_times(const StepSeen& seen) {
    WHIM_ASSERT(seen.arrivals.size() <= members_);
    WHIM_ASSERT(std::is_sorted(seen.arrivals.begin(), seen.arrivals.end()));
    const double closed = static_cast<double>(
        seen.arrivals.empty() ? seen.closed.ns : std::max(seen.closed, seen.arrivals.back()).ns);
    for (size_t k = 0; k < times_ns_.size(); ++k) {
        Recent& time = times_ns_[k];
        const bool arrived = k < seen.arrivals.size();
        time.see(arrived ? static_cast<double>(seen.arrivals[k].ns) : std::max(closed, time.value));
    }
}

void BackupWorkers::see_smoothness(double loss) {
    const double noise = variance_.value / before_.contributors;
    const double bent = eta_ * eta_ * (gradient2_before_ + noise);
    if (!(bent > 0)) return;
    const double sample = 2 * (loss - before_.loss + eta_ * gradient2_before_) / bent;
    smoothness_.see(sample);
}

void BackupWorkers::observe(const StepSeen& seen) {
    WHIM_ASSERT(seen.contributors >= 1 && seen.contributors <= members_);
    WHIM_ASSERT(std::isfinite(seen.mean_norm2) && std::isfinite(seen.variance) && std::isfinite(seen.loss));
    const bool first = before_.contributors == 0;
    if (!first) see_smoothness(seen.loss);
    see_times(seen);
    if (seen.contributors >= 2) variance_.see(seen.variance);
    gradient2_before_ = std::max(seen.mean_norm2 - variance_.value / seen.contributors, 0.0);
    gradient2_.see(gradient2_before_);
    const uint32_t next = best();
    const bool worse = !first && seen.loss > before_.loss;
    choice_ = worse ? std::max(next, std::min(choice_ + 1, members_)) : next;
    before_ = seen;
}

double BackupWorkers::gain(uint32_t k) const {
    WHIM_ASSERT(k >= 1 && k <= members_);
    const double curvature = smoothness() * eta_ * eta_ / 2;
    return (eta_ - curvature) * gradient2_.value - curvature * variance_.value / k;
}

Duration BackupWorkers::time(uint32_t k) const {
    WHIM_ASSERT(k >= 1 && k <= members_);
    return {static_cast<int64_t>(times_ns_[k - 1].value)};
}

double BackupWorkers::rate(uint32_t k) const { return gain(k) / std::max(times_ns_[k - 1].value, 1.0); }

double BackupWorkers::smoothness() const { return std::max(smoothness_.value, 0x1p-20); }

uint32_t BackupWorkers::best() const {
    if (!smoothness_.known) return members_;
    uint32_t best = members_;
    for (uint32_t k = members_; k >= least_; --k) {
        if (rate(k) > rate(best)) best = k;
    }
    if (!(gain(best) > 0)) return members_;
    const bool stay = choice_ >= least_ && rate(choice_) > 0 && rate(best) <= rate(choice_) * kWorthMoving;
    return stay ? choice_ : best;
}

}  // namespace whim::op
