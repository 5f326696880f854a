// What is waited on the way there alone, of a round trip's queue: by the clocks of both ends, which need not
// agree. The least difference of late is the way's own time and how far the clocks are apart; what is more is
// waited. A queue on the way back, as acknowledgements meet where others send, is none of the sender's.
//
// As far as the other side's clock is to be believed. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/time.h"

namespace whim {

class ForwardDelay {
public:
    // Sent at `sent` by this clock, it came at `there` by the other one (nanoseconds of any origin), and the
    // answer came now.
    void add(Instant sent, uint64_t there, Instant now) {
        const auto apart = static_cast<int64_t>(there - static_cast<uint64_t>(sent.ns));
        if (now >= next_) {
            before_ = std::exchange(least_, apart);
            next_ = now + kWindow;
        }
        least_ = std::min(least_, apart);
        last_ = apart;
        at_ = now;
    }
    // nullopt: nothing was heard for so long.
    std::optional<Duration> queue(Instant now, Duration fresh) const {
        if (at_.ns == 0 || now - at_ > fresh) return std::nullopt;
        const auto least = static_cast<uint64_t>(std::min(least_, before_));
        const auto waited = static_cast<int64_t>(static_cast<uint64_t>(last_) - least);
        return Duration{waited >= 0 ? waited : INT64_MAX};  // a clock that jumps: no queue is that long
    }
    void forget() { *this = ForwardDelay(); }

private:
    static constexpr Duration kWindow = seconds(15);  // clocks drift by less than a millisecond in it
    int64_t least_ = INT64_MAX, before_ = INT64_MAX, last_ = 0;
    Instant next_, at_;
};

}  // namespace whim
