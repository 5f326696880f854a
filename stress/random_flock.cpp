// Regions lie on a map, so that round trips are those of places; rates are spread evenly in ratio.
#include "stress/random_flock.h"

#include <algorithm>
#include <vector>

#include "base/prng.h"

namespace stress {
namespace {

using whim::Prng;
using whim::plan::Links;

constexpr uint64_t kMbit = 125'000;  // bytes per second

// One of a few steps from low to high, each a fixed ratio above the last.
uint64_t rate_between(Prng& prng, uint64_t low, uint64_t high) {
    std::vector<uint64_t> steps;
    for (uint64_t rate = low; rate <= high; rate += rate / 4) steps.push_back(rate);
    return steps[prng.below(steps.size())];
}

struct Place {
    int64_t x, y;
};

uint32_t rtt_us(const Place& a, const Place& b, Prng& prng) {
    const int64_t dx = std::max(a.x, b.x) - std::min(a.x, b.x), dy = std::max(a.y, b.y) - std::min(a.y, b.y);
    const int64_t far = std::max(dx, dy) + std::min(dx, dy) / 2;
    return static_cast<uint32_t>(far + far * prng.between(0, 20) / 100 + prng.between(300, 3000));
}

void set_homes(Links& links, Prng& prng) {
    for (uint32_t v = 0; v < links.members(); ++v) {
        auto& line = links.member(v);
        line.up = rate_between(prng, 10 * kMbit, 500 * kMbit);
        line.down = line.up * static_cast<uint64_t>(prng.between(1, 10));
    }
}

void set_machines(Links& links, Prng& prng) {
    const uint64_t usual = rate_between(prng, 500 * kMbit, 10'000 * kMbit);
    for (uint32_t v = 0; v < links.members(); ++v) {
        auto& line = links.member(v);
        line.up = line.down = prng.chance(3, 4) ? usual : rate_between(prng, usual / 4, usual);
    }
}

}  // namespace

Links random_flock(uint64_t seed, uint32_t members_min, uint32_t members_max) {
    Prng prng(seed);
    const auto n = static_cast<uint32_t>(prng.between(members_min, members_max));
    Links links(n);
    const uint64_t kind = prng.below(3);
    if (kind == 0 || (kind == 2 && prng.chance(1, 2))) set_homes(links, prng);
    else set_machines(links, prng);
    const auto region_count = static_cast<uint64_t>(prng.between(1, kind == 1 ? 5 : 3));
    std::vector<Place> centres, places;
    for (uint64_t r = 0; r < region_count; ++r)
        centres.push_back({prng.between(0, 150'000), prng.between(0, 80'000)});
    std::vector<uint64_t> region(n);
    for (uint32_t v = 0; v < n; ++v) {
        region[v] = prng.below(region_count);
        const Place& centre = centres[region[v]];
        const int64_t spread = kind == 0 ? 15'000 : 1'000;
        places.push_back({centre.x + prng.between(0, spread), centre.y + prng.between(0, spread)});
    }
    std::vector<uint64_t> between(region_count * region_count);
    for (uint64_t& rate : between) rate = rate_between(prng, 100 * kMbit, 2'000 * kMbit);
    for (uint32_t a = 0; a < n; ++a)
        for (uint32_t b = 0; b < n; ++b) {
            if (a == b) continue;
            auto& pair = links.pair(a, b);
            pair.rtt_us = rtt_us(places[a], places[b], prng);
            if (kind == 1 && region[a] != region[b])
                pair.rate = between[region[a] * region_count + region[b]];
            if (kind == 2) pair.rate = rate_between(prng, 20 * kMbit, 1'000 * kMbit);
        }
    if (n >= 4 && prng.chance(1, 8)) {
        const auto a = static_cast<uint32_t>(prng.below(n)), b = static_cast<uint32_t>(prng.below(n));
        if (a != b) links.pair(a, b).cut = true;
    }
    if (prng.chance(1, 8)) links.member(static_cast<uint32_t>(prng.below(n))).up = 0;
    if (prng.chance(1, 8)) links.member(static_cast<uint32_t>(prng.below(n))).down = 0;
    return links;
}

}  // namespace stress
