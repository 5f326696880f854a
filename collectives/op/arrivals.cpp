// The estimators behind the adaptive grace.
#include "collectives/op/arrivals.h"

#include <algorithm>
#include <cstdlib>

#include "base/assert.h"
#include "base/limits.h"

namespace whim::op {
namespace {

constexpr int64_t kScale = 16;
constexpr int64_t kGraceMinUs = limits::kGraceMin.ns / 1000, kGraceMaxUs = limits::kGraceMax.ns / 1000;

// An offset beyond what any op may take says no more than that.
constexpr int64_t kOffsetMaxUs = 3'600'000'000;

int64_t us(Duration d) { return std::clamp<int64_t>(d.ns / 1000, 0, kOffsetMaxUs); }

int64_t median(std::vector<int64_t> values) {
    std::sort(values.begin(), values.end());
    return values[(values.size() - 1) / 2];
}

}  // namespace

void ArrivalHistory::Usual::follow(int64_t offset_us) {
    const int64_t offset16 = offset_us * kScale;
    if (!known) {
        *this = {offset16, offset16 / 2, true, false, 0};
        return;
    }
    const int64_t reach = kOutlierDeviations * deviation16_us + kGraceMinUs * kScale;
    const int64_t error = std::clamp(offset16 - mean16_us, -reach, reach);
    deviation16_us += (std::abs(error) - deviation16_us) / 4;
    mean16_us += error / 8;
}

void ArrivalHistory::learn(const Arrivals& arrivals, const std::vector<bool>& expected, Instant closed) {
    WHIM_ASSERT(arrivals.size() == ranks_.size() && expected.size() == ranks_.size());
    std::optional<Instant> first;
    uint32_t count = 0;
    for (size_t r = 0; r < arrivals.size(); ++r) {
        if (!expected[r] || !arrivals[r]) continue;
        first = earlier(first, arrivals[r]);
        ++count;
    }
    if (count < 2) return;
    for (size_t r = 0; r < arrivals.size(); ++r) {
        if (!expected[r]) continue;
        Usual& usual = ranks_[r];
        // Of one that has not come, only a wait beyond what is usual for it is news.
        const int64_t at_least = us(closed - *first);
        if (arrivals[r]) usual.follow(us(*arrivals[r] - *first));
        else if (!usual.known || at_least * kScale > usual.mean16_us) usual.follow(at_least);
    }
    ops_ = std::min(ops_ + 1, kOpsToLearn);
    if (ops_ == kOpsToLearn) find_stragglers();
}

std::vector<ArrivalHistory::Usual> ArrivalHistory::by_mean() const {
    std::vector<Usual> known;
    for (const Usual& usual : ranks_) {
        if (usual.known) known.push_back(usual);
    }
    std::stable_sort(known.begin(), known.end(),
                     [](const Usual& a, const Usual& b) { return a.mean16_us < b.mean16_us; });
    return known;
}

void ArrivalHistory::find_stragglers() {
    std::vector<int64_t> means, distances;
    for (const Usual& usual : by_mean()) means.push_back(usual.mean16_us);
    const int64_t middle = median(means);
    for (const int64_t mean : means) distances.push_back(std::abs(mean - middle));
    const int64_t spread = median(distances) * 14826 / 10000;
    const int64_t floor = kGraceMinUs * kScale;
    const int64_t in = middle + std::max(4 * spread, floor), out = middle + std::max(2 * spread, floor / 2);
    for (Usual& usual : ranks_) {
        if (!usual.known) continue;
        const bool against = usual.straggles ? usual.mean16_us < out : usual.mean16_us > in;
        usual.against = against ? usual.against + 1 : 0;
        if (usual.against < kOpsToLearn) continue;
        usual.straggles = !usual.straggles;
        usual.against = 0;
    }
}

Duration ArrivalHistory::grace(uint32_t min_contributors) const {
    if (ops_ < kOpsToLearn) return limits::kGraceUnlearnt;
    const std::vector<Usual> known = by_mean();
    const size_t quorum = std::clamp<size_t>(min_contributors, 1, known.size());
    const Usual& last = known[quorum - 1];
    int64_t wait16_us = 0;
    for (size_t i = quorum; i < known.size(); ++i) {
        if (known[i].straggles) continue;
        const int64_t doubt = 4 * (known[i].deviation16_us + last.deviation16_us);
        wait16_us = std::max(wait16_us, known[i].mean16_us - last.mean16_us + doubt);
    }
    return microseconds(std::clamp(wait16_us / kScale, kGraceMinUs, kGraceMaxUs));
}

Duration ArrivalHistory::usual_offset(Rank rank) const {
    return microseconds(ranks_[rank.value].mean16_us / kScale);
}

Duration ArrivalHistory::usual_deviation(Rank rank) const {
    return microseconds(ranks_[rank.value].deviation16_us / kScale);
}

}  // namespace whim::op
