// Filling the fastest lines first until all are done at the same time.
#include "collectives/plan/shares.h"

#include <algorithm>
#include <functional>

#include "base/assert.h"

namespace whim {
namespace {

constexpr uint64_t kUnit = 16;  // parts begin at multiples, but for the end of the buffer
constexpr double kWorthwhile = 0.9;

// Time for a buffer of one byte. rates: descending.
double best_time(const std::vector<double>& rates) {
    const double others = static_cast<double>(rates.size()) - 2;
    double sum = 0, time = 0;
    for (size_t k = 0; k < rates.size(); ++k) {
        sum += rates[k];
        const double with = (others + static_cast<double>(k + 1)) / sum;
        if (with * rates[k] <= 1) break;  // this one has its hands full with its contributions
        time = with;
    }
    return time;
}

}  // namespace

std::vector<uint64_t> direct_parts(std::span<const uint64_t> rates, uint64_t elements) {
    const size_t members = rates.size();
    if (members < 3 || elements < members * kUnit) return {};
    const uint64_t fastest = *std::max_element(rates.begin(), rates.end());
    if (fastest == 0) return {};
    std::vector<double> speed;
    for (const uint64_t rate : rates) speed.push_back(static_cast<double>(rate == 0 ? fastest : rate));
    std::vector<double> falling = speed;
    std::sort(falling.begin(), falling.end(), std::greater<>());
    const double others = static_cast<double>(members) - 2;
    const double time = best_time(falling);
    const double equal = (1 + others / static_cast<double>(members)) / falling.back();
    if (std::max(time, 1 / falling.back()) > kWorthwhile * equal) return {};

    std::vector<double> wanted;
    double sum = 0;
    for (const double s : speed) {
        wanted.push_back(std::max(0.0, (time * s - 1) / others));
        sum += wanted.back();
    }
    WHIM_ASSERT(sum > 0);
    std::vector<uint64_t> parts;
    double before = 0;
    uint64_t begin = 0;
    for (size_t i = 0; i < members; ++i) {
        before += wanted[i];
        const double at = static_cast<double>(elements) * (before / sum);
        uint64_t end = i + 1 == members ? elements : static_cast<uint64_t>(at) / kUnit * kUnit;
        end = std::clamp(end, begin, elements);
        parts.push_back(end - begin);
        begin = end;
    }
    return parts;
}

}  // namespace whim
