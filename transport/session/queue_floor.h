// How much of the delay over a path's least time is no queue of this sender's: jitter, or a way that has got
// longer. Radio and cable lines have 10 to 30 ms of it; taken for a queue, it would have the pace lowered
// again and again, to no effect.
//
// It is what is left after a pause in which any queue of this sender's has drained, as BBR measures its least
// round trip. More than a part of the round trip is somebody's queue, and not believed. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace whim {

class QueueFloor {
public:
    static constexpr double kPause = 0.5;  // of what was delivered is sent in a pause

    Duration floor() const { return floor_; }
    bool measures() const { return measures_; }
    bool due(Instant now) const { return now >= next_; }
    static Duration believed(Duration rtt_min) { return std::max(rtt_min / kBelieved, kBelievedMin); }

    // A pause begins. How long it must be for a queue of at most believed() beyond the floor to be gone, and
    // to look at what is left then.
    Duration begin(Duration queue, Duration rtt_min, Instant now) {
        const Duration drains = rtt_min + (queue - std::min(queue, floor_)) * 2;
        from_ = now + drains;
        next_ = now + std::max(kAgain, rtt_min * kAgainRtts);
        sum_ = {}, looks_ = 0;
        measures_ = true;
        return drains + rtt_min * 2;
    }
    void look(Duration queue, Instant now) {
        if (!measures_ || now < from_) return;
        sum_ = sum_ + queue;
        ++looks_;
    }
    void give_up() { measures_ = false; }
    // It ends. borne: a queue that is no reason to lower. True: more is known to be none than was before.
    bool end(Duration borne, Duration rtt_min) {
        measures_ = false;
        if (looks_ < kLooksMin) return false;
        const Duration left = sum_ / looks_, most = believed(rtt_min), before = floor_;
        const bool none = left < borne / 2 || left > most * 3 / 2;  // a little more may be chance
        floor_ = none ? Duration{} : std::min(left, most) - borne / 4;
        return floor_ > before;
    }

private:
    static constexpr int64_t kBelieved = 4;  // one part in so many of the round trip, at most,
    static constexpr Duration kBelievedMin = milliseconds(15);  // or so much
    static constexpr Duration kAgain = seconds(15);
    static constexpr int64_t kAgainRtts = 100;
    static constexpr uint32_t kLooksMin = 2;

    Duration floor_, sum_;
    bool measures_ = false;
    uint32_t looks_ = 0;
    Instant from_, next_;
};

}  // namespace whim
