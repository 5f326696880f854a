// How much of what is under way may be sent once more, unasked, on a path that loses: half of what the path
// could carry meanwhile, saved up for one round trip. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace whim {

class CopyAllowance {
public:
    // What the path has carried or may be given, in bytes per second; 0: not known.
    void earn(uint64_t rate, Duration rtt, Instant now) {
        const double earned = static_cast<double>(rate) / 2 * (now - earned_at_).seconds();
        const double most = std::max(kLeast, static_cast<double>(rate) * rtt.seconds());
        earned_at_ = now;
        level_ = std::min(most, level_ + earned);
    }
    bool spend(uint32_t bytes) {
        if (level_ < bytes) return false;
        level_ -= bytes;
        return true;
    }

private:
    static constexpr double kLeast = 64 << 10;
    double level_ = kLeast;
    Instant earned_at_;
};

}  // namespace whim
