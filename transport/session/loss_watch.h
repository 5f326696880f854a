// Whether a path loses segments at random: losses in spans in which no queue stood, again and again. A
// congestion control that takes each loss for congestion is wrong there (Mathis et al., 1997: its rate falls
// with the root of the loss rate, whatever the path could carry). Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/time.h"

namespace whim {

class LossWatch {
public:
    // One span of all strands of a direction, longer than a round trip.
    void look(uint64_t bytes_retransmitted, Duration rtt_min, Duration queue, Instant now) {
        const bool calm = queue <= std::max(kQueueMin, rtt_min / 8);
        const bool was_calm = std::exchange(calm_, calm);
        if (seen_ > 0 && now - last_ > kForgottenAfter) seen_ = 0;
        if (bytes_retransmitted == 0 || !calm || !was_calm)
            return;  // what overflowed is repaired a span later
        if (seen_ < kTelling && seen_ > 0 && now - last_ > kTogether) seen_ = 0;
        if (seen_ > 0 && now - last_ < kApart) return;
        last_ = now;
        seen_ = std::min(seen_ + 1, kTelling);
    }
    bool lossy() const { return seen_ >= kTelling; }
    // Once is enough for what costs little.
    bool suspected(Instant now) const { return seen_ > 0 && now - last_ < kSuspectedFor; }

private:
    static constexpr Duration kQueueMin = milliseconds(5);
    static constexpr Duration kTogether = seconds(10);
    static constexpr Duration kApart = seconds(1);  // a slow start that overshot is repaired in less
    static constexpr Duration kForgottenAfter = seconds(300), kSuspectedFor = seconds(60);
    static constexpr uint32_t kTelling = 3;
    bool calm_ = false;
    uint32_t seen_ = 0;
    Instant last_;
};

}  // namespace whim
