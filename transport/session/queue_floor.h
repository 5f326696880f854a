// How much of the delay over a path's least time is no queue of this sender's: jitter, or a way that has got
// longer. Radio and cable lines have 10 to 30 ms of it; taken for a queue, it would have the pace lowered
// again and again, to no effect.
//
// It is what is left after a pause in which any queue of this sender's has drained, as BBR measures its least
// round trip. More than a part of the round trip is somebody's queue, and not believed. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/limits.h"
#include "base/time.h"

namespace whim {

class QueueFloor {
public:
    static constexpr double kPause = 0.5;  // of what was delivered is sent in a pause

    Duration floor() const { return floor_; }
    bool measures() const { return measures_; }
    bool due(Instant now) const { return now >= next_; }
    static Duration again(Duration rtt_min) { return std::max(kAgain, rtt_min * kAgainRtts); }
    static Duration believed(Duration rtt_min) { return std::max(rtt_min / kBelieved, kBelievedMin); }

    // A pause begins. How long it must be for a queue of at most believed() beyond the floor to be gone, and
    // to look at what is left then.
    Duration begin(Duration queue, Duration rtt_min, Instant now) {
        const Duration drains = rtt_min + (queue - std::min(queue, floor_)) * 2;
        next_ = now + again(rtt_min);
        longer_ = 0;
        return drains + watch(rtt_min, now + drains);
    }
    void look(Duration queue, Instant now) {
        if (!measures_ || now < from_) return;
        if (looks_ == 0) first_ = queue;
        last_ = queue;
        sum_ = sum_ + queue;
        ++looks_;
    }
    // Round-trip times are smoothed and come late where few segments do: while they fall, the pause goes on
    // for what this returns. Zero: it may end.
    Duration longer(Duration borne, Duration rtt_min, Instant now) {
        return looks_ >= kLooksMin && falls(borne) && longer_++ < kLongerMax ? watch(rtt_min, now)
                                                                             : Duration{};
    }
    // It ends. borne: a queue that is no reason to lower. True: much more is known to be none than was
    // before.
    bool end(Duration borne, Duration rtt_min) {
        measures_ = false;
        if (looks_ < kLooksMin) return false;
        const Duration left = sum_ / looks_, most = believed(rtt_min), before = floor_;
        const bool none =
            falls(borne) || left < borne / 2 || left > most * 3 / 2;  // a little more may be chance
        floor_ = none ? Duration{} : std::min(left, most) - borne / 4;
        if (!none) in_vain_ = 0;
        else if (!falls(borne)) in_vain_ = std::min(in_vain_ + 1, kInVainMax);
        if (none) next_ = next_ + again(rtt_min) * ((int64_t{1} << in_vain_) - 1);
        return floor_ > before + borne / 4;
    }
    void give_up() { measures_ = false; }
    // What nobody has measured again for long.
    void expire(Instant now) {
        if (!measures_ && now > next_ + kExpires) floor_ = {};
    }
    void forget() {
        floor_ = {}, measures_ = false;
        in_vain_ = 0;
        next_ = std::min(next_, from_ + kAgain);
    }

private:
    static constexpr int64_t kBelieved = 4;  // one part in so many of the round trip, at most,
    static constexpr Duration kBelievedMin = milliseconds(15);  // or so much
    static constexpr Duration kAgain = seconds(15), kExpires = seconds(15);
    static constexpr int64_t kAgainRtts = 100;
    static constexpr uint32_t kLooksMin = 2, kLongerMax = 3, kInVainMax = 3;

    bool falls(Duration borne) const { return last_ + borne / 4 < first_; }
    Duration watch(Duration rtt_min, Instant from) {
        from_ = from;
        sum_ = {}, looks_ = 0;
        measures_ = true;
        return std::max(rtt_min * 2, limits::kPaceLookMin * 3);
    }

    Duration floor_, sum_, first_, last_;
    bool measures_ = false;
    uint32_t looks_ = 0, longer_ = 0;
    uint32_t in_vain_ = 0;  // times in a row that a pause found none; each doubles the time to the next
    Instant from_, next_;
};

}  // namespace whim
