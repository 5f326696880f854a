// A bound on bytes per second, as a bucket of tokens: what may leave now, and when more may.
//
// Control frames are never held back, but count; so the level may fall below zero and bulk waits longer.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace whim {

class RateLimiter {
public:
    static constexpr uint64_t kUnlimited = UINT64_MAX;

    // 0: no bound. What was saved up under the old bound is kept up to one burst of the new one.
    void set(uint64_t bytes_per_second, Instant now) {
        refill(now);
        rate_ = bytes_per_second;
        level_ = std::min(level_, burst());
    }
    bool limited() const { return rate_ != 0; }
    uint64_t rate() const { return rate_; }

    // Nothing until all that is wanted may leave or half a burst of it: whoever takes what there is at each
    // look would write a few bytes at a time and do nothing else.
    uint64_t allowance(Instant now, uint64_t wanted) {
        if (!limited()) return kUnlimited;
        refill(now);
        const auto least =
            static_cast<int64_t>(std::min<uint64_t>(wanted, static_cast<uint64_t>(burst() / 2)));
        return level_ < std::max<int64_t>(least, 1) ? 0 : static_cast<uint64_t>(level_);
    }
    void spend(uint64_t bytes) {
        if (limited()) level_ -= static_cast<int64_t>(bytes);
    }
    // When a piece worth writing may leave; not after the last look: it may now.
    Instant next() const {
        const int64_t lacking = burst() / 2 - level_;
        if (!limited() || lacking <= 0) return refilled_;
        return refilled_ +
               Duration{
                   static_cast<int64_t>(static_cast<double>(lacking) / static_cast<double>(rate_) * 1e9) + 1};
    }

private:
    static constexpr int64_t kBurstMin = 16 << 10;
    // Ten milliseconds' worth: short enough for a thin line's queue, long enough for few wake-ups on a fast
    // one.
    int64_t burst() const {
        return std::max<int64_t>(kBurstMin,
                                 static_cast<int64_t>(std::min<uint64_t>(rate_, uint64_t{1} << 50) / 100));
    }
    void refill(Instant now) {
        const Duration passed = now - refilled_;
        refilled_ = now;
        if (!limited() || passed.ns <= 0) return;
        const double gained = static_cast<double>(rate_) * passed.seconds() + fraction_;
        const double room = static_cast<double>(burst() - level_);
        if (gained >= room) {
            level_ = burst();
            fraction_ = 0;
            return;
        }
        level_ += static_cast<int64_t>(gained);
        fraction_ = gained - static_cast<double>(static_cast<int64_t>(gained));
    }

    uint64_t rate_ = 0;
    int64_t level_ = 0;
    double fraction_ = 0;  // of a byte
    Instant refilled_;
};

}  // namespace whim
