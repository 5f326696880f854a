// A queue is known by the time at which it will be empty.
#include "stress/wan/shaper.h"

#include <algorithm>

namespace stress::wan {
namespace {

constexpr whim::Duration kJitterPeriod = whim::milliseconds(20);

// In [0, 1), for each period another.
double target(uint64_t seed, int64_t period) {
    return static_cast<double>(whim::mix64(seed ^ whim::mix64(static_cast<uint64_t>(period))) >> 11) *
           0x1p-53;
}

}  // namespace

std::optional<whim::Instant> Shaper::admit(const Line& line, whim::Instant at, uint32_t bytes) {
    if (line.bits_per_s <= 0) return at;
    if (free_at_ <= at) {
        free_at_ = at;
        part_ns_ = 0;
    } else {
        const double waiting_bytes = (free_at_ - at).seconds() * line.bits_per_s / 8;
        if (waiting_bytes + bytes > queue_bytes_max(line)) return std::nullopt;
    }
    const double ns = part_ns_ + bytes * 8e9 / line.bits_per_s;
    const auto whole = static_cast<int64_t>(ns);
    part_ns_ = ns - static_cast<double>(whole);
    free_at_ = free_at_ + whim::nanoseconds(whole);
    return free_at_;
}

bool is_lost(double share, whim::Prng& chance) {
    return share > 0 && static_cast<double>(chance.next() >> 11) * 0x1p-53 < share;
}

whim::Duration jitter_at(whim::Duration most, uint64_t seed, whim::Instant at) {
    if (most.ns <= 0) return {};
    const int64_t period = at.ns / kJitterPeriod.ns;
    const double done = static_cast<double>(at.ns % kJitterPeriod.ns) / static_cast<double>(kJitterPeriod.ns);
    const double part = target(seed, period) * (1 - done) + target(seed, period + 1) * done;
    return {static_cast<int64_t>(part * static_cast<double>(most.ns))};
}

}  // namespace stress::wan
