// How much of the delay over a path's least time is no queue of this sender's: jitter, or a way that has got
// longer. Radio and cable lines have 10 to 30 ms of it; taken for a queue, it would have the pace lowered
// again and again, to no effect.
//
// That is how it is told from a queue: the bound changed and the delay stayed what it was, twice in a row. A
// queue gets longer or shorter then, and one of others is mostly longer than what is believed here. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/time.h"

namespace whim {

class QueueFloor {
public:
    struct Look {
        Duration queue, rtt_min;
        Duration borne;      // a longer queue has the bound lowered
        uint64_t bound = 0;  // bytes per second
        double used = 0;     // part of the bound
    };

    // Returns the bound to go back to where it was lowered for nothing; 0: nothing was found, or it rose.
    uint64_t look(const Look& look, Instant now) {
        const Duration length = std::max(look.rtt_min * kStretchRtts, kStretchMin);
        if (stretch_.looks > 0 && now - stretch_.since > length * 3) stretch_ = before_ = {};  // a pause
        if (stretch_.looks == 0) stretch_.since = now, stretch_.bound = look.bound;
        stretch_.looks += 1;
        stretch_.sum = stretch_.sum + look.queue;
        if (look.used < kOthers) stretch_.idle_looks += 1, stretch_.idle_sum = stretch_.idle_sum + look.queue;
        if (now - stretch_.since < length || stretch_.looks < kLooksMin) return 0;
        return judge(std::exchange(stretch_, {}), look);
    }

    Duration floor() const { return floor_; }

private:
    static constexpr int64_t kStretchRtts = 6;
    static constexpr Duration kStretchMin = milliseconds(300);
    static constexpr uint32_t kLooksMin = 5, kIdleLooksMin = 4;
    static constexpr double kOthers = 0.5;   // whoever uses less of the bound did not make the queue
    static constexpr double kRose = 1.02;    // as much of the bound as would make a queue longer
    static constexpr int64_t kAlike = 3;     // one part in so many
    static constexpr int64_t kBelieved = 4;  // one part in so many of the round trip, at most,
    static constexpr Duration kBelievedMin = milliseconds(15);  // or so much

    struct Stretch {
        Instant since;
        uint32_t looks = 0, idle_looks = 0;
        Duration sum, idle_sum;
        uint64_t bound = 0;  // when it began
        Duration mean;       // once it has ended; 0: it told nothing
    };

    uint64_t judge(Stretch ended, const Look& last) {
        if (ended.idle_looks >= kIdleLooksMin) floor_ = std::min(floor_, ended.idle_sum / ended.idle_looks);
        const Duration mean = ended.sum / ended.looks;
        const bool fell = last.bound < ended.bound;
        const bool rose = static_cast<double>(last.bound) > kRose * static_cast<double>(ended.bound);
        const Duration telling = floor_ + (fell ? last.borne : last.borne / 2);
        const Duration most = std::max(last.rtt_min / kBelieved, kBelievedMin);
        if ((fell || rose) && mean > telling && mean <= most) ended.mean = mean;
        const Stretch before = std::exchange(before_, ended);
        if (ended.mean.ns == 0 || before.mean.ns == 0) return 0;
        const Duration less = std::min(mean, before.mean), more = std::max(mean, before.mean);
        if (more - less > less / kAlike) return 0;
        floor_ = less - last.borne / 4;
        before_ = {};
        return fell ? before.bound : 0;
    }

    Stretch stretch_, before_;
    Duration floor_;
};

}  // namespace whim
