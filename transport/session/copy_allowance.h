// How much of what is under way may be sent once more, unasked, on a path that loses: as much as was sent,
// saved up for no more than a round trip of what bulk may leave at. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace whim {

class CopyAllowance {
public:
    void earn(uint32_t bytes_sent) { level_ += bytes_sent; }
    // rate: in bytes per second, 0: no bound.
    bool spend(uint32_t bytes, uint64_t rate, Duration rtt) {
        const auto trip = static_cast<uint64_t>(static_cast<double>(rate) * rtt.seconds());
        level_ = std::min(level_, rate == 0 ? kMost : std::clamp(trip, kLeast, kMost));
        if (level_ < bytes) return false;
        level_ -= bytes;
        return true;
    }

private:
    static constexpr uint64_t kLeast = 64 << 10, kMost = 4 << 20;
    uint64_t level_ = 0;
};

}  // namespace whim
