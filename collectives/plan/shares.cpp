// Shares with which all are done at the same time: of an all-reduce by filling the fastest lines first.
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

// Parts in these proportions.
std::vector<uint64_t> cut(const std::vector<double>& wanted, uint64_t elements) {
    double sum = 0;
    for (const double w : wanted) sum += w;
    WHIM_ASSERT(sum > 0);
    std::vector<uint64_t> parts;
    double before = 0;
    uint64_t begin = 0;
    for (size_t i = 0; i < wanted.size(); ++i) {
        before += wanted[i];
        const double at = static_cast<double>(elements) * (before / sum);
        uint64_t end = i + 1 == wanted.size() ? elements : static_cast<uint64_t>(at) / kUnit * kUnit;
        end = std::clamp(end, begin, elements);
        parts.push_back(end - begin);
        begin = end;
    }
    return parts;
}

std::vector<double> speeds_of(std::span<const uint64_t> rates, uint64_t fastest) {
    std::vector<double> speeds;
    for (const uint64_t rate : rates) speeds.push_back(static_cast<double>(rate == 0 ? fastest : rate));
    return speeds;
}

}  // namespace

std::vector<uint64_t> direct_parts(std::span<const uint64_t> rates, uint64_t elements) {
    const size_t members = rates.size();
    if (members < 3 || elements < members * kUnit) return {};
    const uint64_t fastest = *std::max_element(rates.begin(), rates.end());
    if (fastest == 0) return {};
    const std::vector<double> speed = speeds_of(rates, fastest);
    std::vector<double> falling = speed;
    std::sort(falling.begin(), falling.end(), std::greater<>());
    const double others = static_cast<double>(members) - 2;
    const double time = best_time(falling);
    const double equal = (1 + others / static_cast<double>(members)) / falling.back();
    if (std::max(time, 1 / falling.back()) > kWorthwhile * equal) return {};

    std::vector<double> wanted;
    for (const double s : speed) wanted.push_back(std::max(0.0, (time * s - 1) / others));
    return cut(wanted, elements);
}

std::vector<uint64_t> broadcast_parts(std::span<const uint64_t> rates, size_t source, uint64_t elements) {
    const size_t members = rates.size();
    WHIM_ASSERT(source < members);
    if (members < 3 || elements < members * kUnit) return {};
    const uint64_t fastest = std::max<uint64_t>(*std::max_element(rates.begin(), rates.end()), 1);
    const std::vector<double> speed = speeds_of(rates, fastest);
    const auto others = static_cast<double>(members) - 1;
    const double own = speed[source];
    double sum = 0, slowest = static_cast<double>(fastest);  // of the others
    for (size_t i = 0; i < members; ++i) {
        if (i == source) continue;
        sum += speed[i];
        slowest = std::min(slowest, speed[i]);
    }
    // The source roots some only where the others would take longer than its sending once.
    double time = others / sum, share = 0;
    if (time * own > 1) {
        time = (1 + 1 / (others - 1)) / (sum / others + own / (others - 1));
        share = (time * own - 1) / (others - 1);
    }
    const double n = static_cast<double>(members);
    const double equal = std::max((2 * n - 2) / n / own, (n - 1) / n / slowest);
    if (std::max(time, 1 / own) > kWorthwhile * equal) return {};
    std::vector<double> wanted;
    for (size_t i = 0; i < members; ++i)
        wanted.push_back(i == source ? share : (1 - share) * (speed[i] / sum));
    return cut(wanted, elements);
}

}  // namespace whim
