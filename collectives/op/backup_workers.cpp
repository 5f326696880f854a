// DBW's estimates and its choice.
#include "collectives/op/backup_workers.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"

namespace whim::op {
namespace {

constexpr double kWorthMoving = 1.1;

// Places in a list that is agreed on, behind the arrivals and whether there was one.
enum Place : size_t { kClosed, kRoots, kOwnNorm2, kContributed, kContributors, kMeanNorm2, kLoss, kPlaces };

double seconds_of(Duration d) { return static_cast<double>(d.ns) * 1e-9; }

}  // namespace

double sample_variance(double norms2_sum, double mean_norm2, uint32_t k) {
    return k < 2 ? 0 : std::max(norms2_sum - k * mean_norm2, 0.0) / (k - 1);
}

size_t agreed_len(uint32_t members) { return 2 * size_t{members} + kPlaces; }

std::vector<double> to_agree(const MemberSaw& saw, uint32_t members) {
    std::vector<double> list(agreed_len(members));
    const std::span<double> times = std::span(list).first(members);
    const std::span<double> came = std::span(list).subspan(members, members);
    double* places = list.data() + 2 * size_t{members};
    if (saw.roots) {
        for (size_t k = 0; k < std::min<size_t>(saw.arrivals.size(), members); ++k)
            times[k] = seconds_of(saw.arrivals[k]), came[k] = 1;
        places[kClosed] = seconds_of(saw.closed);
        places[kRoots] = 1;
    }
    places[kOwnNorm2] = saw.contributed ? saw.own_norm2 : 0;
    places[kContributed] = saw.contributed;
    places[kContributors] = saw.contributors;
    places[kMeanNorm2] = saw.mean_norm2;
    places[kLoss] = saw.loss;
    return list;
}

std::optional<StepSeen> from_agreed(std::span<const double> mean, uint32_t members) {
    if (mean.size() != agreed_len(members)) return std::nullopt;
    const bool finite = std::all_of(mean.begin(), mean.end(), [](double x) { return std::isfinite(x); });
    const double* places = mean.data() + 2 * size_t{members};
    const double roots = places[kRoots], contributed = places[kContributed];
    // A time may be up to a century: what comes after is whole ns in 64 bits.
    const auto time = [](double sum, double count) {
        return Duration{static_cast<int64_t>(std::clamp(sum / count, 0.0, 3e9) * 1e9)};
    };
    const double k = places[kContributors];
    if (!finite || !(roots > 0 && contributed > 0) || !(k >= 0.5 && k < members + 0.5)) return std::nullopt;
    StepSeen seen;
    for (uint32_t i = 0; i < members && mean[members + i] * 2 >= roots; ++i) {
        const Duration at = time(mean[i], mean[members + i]);
        seen.arrivals.push_back(seen.arrivals.empty() ? at : std::max(at, seen.arrivals.back()));
    }
    seen.closed = time(places[kClosed], roots);
    seen.contributors = static_cast<uint32_t>(k + 0.5);
    seen.mean_norm2 = places[kMeanNorm2];
    const double norms2 = places[kOwnNorm2] / contributed * seen.contributors;
    seen.variance = sample_variance(norms2, seen.mean_norm2, seen.contributors);
    seen.loss = places[kLoss];
    // A list that somebody made up may name less than one contributor, or a negative square.
    if (!std::isfinite(seen.variance) || seen.mean_norm2 < 0) return std::nullopt;
    return seen;
}

void BackupWorkers::Recent::see(double sample, double share) {
    value = known ? value + share * (sample - value) : sample;
    known = true;
}

BackupWorkers::BackupWorkers(uint32_t members, uint32_t min_contributors_min, double eta, uint32_t window)
    : members_(members), least_(min_contributors_min), eta_(eta), new_share_(1.0 / window),
      times_ns_(members), choice_(members) {
    WHIM_ASSERT(least_ >= 1 && least_ <= members_ && eta_ > 0 && window >= 1);
}

void BackupWorkers::resize(uint32_t members) {
    WHIM_ASSERT(members >= 1);
    const bool all = choice_ == members_;
    const Recent last = times_ns_.back();
    members_ = members;
    times_ns_.resize(members, last);
    choice_ = all ? members : std::clamp(choice_, least(), members);
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
        see(time, arrived ? static_cast<double>(seen.arrivals[k].ns) : std::max(closed, time.value));
    }
}

void BackupWorkers::see_smoothness(double loss) {
    const double noise = variance_.value / before_.contributors;
    const double bent = eta_ * eta_ * (gradient2_before_ + noise);
    if (!(bent > 0)) return;
    // Of a gradient that is next to nothing, rounding would say anything.
    constexpr double kSmoothnessMax = 1e100;
    const double sample = 2 * (loss - before_.loss + eta_ * gradient2_before_) / bent;
    if (std::abs(sample) < kSmoothnessMax) see(smoothness_, sample);
}

void BackupWorkers::observe(const StepSeen& seen) {
    WHIM_ASSERT(seen.contributors >= 1 && seen.contributors <= members_);
    WHIM_ASSERT(std::isfinite(seen.mean_norm2) && std::isfinite(seen.variance) && std::isfinite(seen.loss));
    const bool first = before_.contributors == 0;
    if (!first) see_smoothness(seen.loss);
    see_times(seen);
    if (seen.contributors >= 2) see(variance_, seen.variance);
    gradient2_before_ = std::max(seen.mean_norm2 - variance_.value / seen.contributors, 0.0);
    see(gradient2_, gradient2_before_);
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
    for (uint32_t k = members_; k >= least(); --k) {
        if (rate(k) > rate(best)) best = k;
    }
    if (!(gain(best) > 0)) return members_;
    const bool stay = choice_ >= least() && rate(choice_) > 0 && rate(best) <= rate(choice_) * kWorthMoving;
    return stay ? choice_ : best;
}

}  // namespace whim::op
