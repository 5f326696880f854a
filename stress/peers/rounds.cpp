// Times of all rounds are pooled; costs are added up.
#include "stress/peers/rounds.h"

#include <algorithm>
#include <cstdio>
#include <exception>

#include "stress/statistics.h"

namespace stress {
namespace {

void add_run(const Cell& cell, const Rounds& rounds, Pooled& pooled) try {
    const Totals totals = rounds.run(pooled.contender, cell, pooled);
    pooled.seconds.insert(pooled.seconds.end(), totals.seconds.begin(), totals.seconds.end());
    pooled.first_s.push_back(totals.first_s);
    pooled.cpu_s += totals.cpu_s;
    const uint64_t own = 2 * cell.bytes;
    pooled.rss_bytes =
        std::max(pooled.rss_bytes, totals.rss_max_bytes > own ? totals.rss_max_bytes - own : 0);
} catch (const std::exception& problem) {
    pooled.failure = problem.what();
    std::fprintf(stderr, "%s %s with %llu peers and %llu bytes is left out: %s\n",
                 pooled.contender.name().c_str(), pooled.contender.algorithm.c_str(),
                 static_cast<unsigned long long>(cell.peers), static_cast<unsigned long long>(cell.bytes),
                 problem.what());
}

bool is_better(const Pooled& one, const Pooled& other) {
    if (!one.failure.empty() || !other.failure.empty()) return one.failure.empty() && !other.failure.empty();
    return median(one.seconds) < median(other.seconds);
}

bool is_among(const std::vector<Pooled>& best, const Contender& contender) {
    return std::any_of(best.begin(), best.end(), [&](const Pooled& each) {
        return each.contender.name() == contender.name() && each.contender.algorithm == contender.algorithm;
    });
}

}  // namespace

std::vector<Pooled> measure(const std::vector<Contender>& contenders, const Cell& cell,
                            const Rounds& rounds) {
    std::vector<Pooled> all(contenders.size());
    for (size_t i = 0; i < all.size(); ++i) all[i].contender = contenders[i];
    for (uint64_t round = 0; round < rounds.count; ++round) {
        const bool everybody = round == 0 || rounds.later == Later::all;
        const std::vector<Pooled> goers = everybody ? all : best_of_each(all);
        for (size_t i = 0; i < all.size(); ++i) {
            Pooled& pooled = all[(i + round) % all.size()];
            if (pooled.failure.empty() && is_among(goers, pooled.contender)) add_run(cell, rounds, pooled);
        }
    }
    return all;
}

std::vector<Pooled> best_of_each(const std::vector<Pooled>& all) {
    std::vector<Pooled> best;
    for (const auto& each : all) {
        const auto same = std::find_if(best.begin(), best.end(), [&](const Pooled& other) {
            return other.contender.name() == each.contender.name();
        });
        if (same == best.end()) best.push_back(each);
        else if (is_better(each, *same)) *same = each;
    }
    return best;
}

}  // namespace stress
