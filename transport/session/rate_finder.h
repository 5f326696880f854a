// How fast to send, so that the path is full and its queue is not.
//
// TCP alone fills the queue before it learns how fast a path is: cubic until it overflows, several bbr flows
// with a round trip's worth of bytes. Then heartbeats wait in that queue. So long paths are paced: at the
// best rate that was delivered lately once a queue stands (at first, at the best that ever was: the queue may
// be of others' slow starts), after a pause in which it drains; from there slowly up while there is none. The
// signal is delay, not loss: random losses change nothing.
//
// Delay that is left after a pause is no queue of this sender's, but jitter (queue_floor.h). Nor is, for a
// while, what is not waited on the way there (forward_delay.h): acknowledgements meet others' queues. Who
// sends little of what the path carried yields late. A queue that pacing does not empty is somebody else's.
// Then the bound is lifted for a while and TCP competes as it does. Pure: same readings, same decisions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "transport/session/queue_floor.h"

namespace whim {

// Of all that is paced together, between two looks about half a round trip apart.
struct RateReading {
    Duration elapsed;
    uint64_t bytes_acked = 0;
    uint64_t allowed = 0;           // bytes per second that other bounds leave of this one; 0: all of it
    bool beside_others = false;     // the queue is what one of several paths has more than the others
    Duration rtt_min, queue;        // the path's own time, and what is waited on top of it,
    std::optional<Duration> there;  // on the way there alone, if that is known
};

class RateFinder {
public:
    // Before the first look: what the path carried when it was last looked at. 0: nothing is known.
    void remember(uint64_t rate);
    // True: rate() changed.
    bool look(RateReading reading, Instant now);
    bool pass(Instant now);  // without one: pauses end all the same. True: one did
    bool pauses() const { return draining_; }
    bool lifted(Instant now) const { return now < free_until_; }  // the queue is others'

    uint64_t rate() const { return draining_ ? drain_rate_ : rate_; }  // bytes per second; 0: no bound
    uint64_t found() const { return rate_; }           // the same but for pauses in which a queue drains
    Duration floor() const { return floor_.floor(); }  // of the queue seen: what is none
    // It sends half for a moment, or has just done so: what is delivered says nothing.
    bool measures(Instant now) const { return floor_.measures() || now < settled_; }
    const std::string& reason() const { return reason_; }  // of the last change but small ones, in words

private:
    // What was delivered in spans of a round trip: shorter ones show bursts of acknowledgements.
    struct Span {
        Duration time;
        uint64_t bytes = 0;
        uint64_t rate() const;
    };
    Duration bearable(Duration rtt_min) const;
    uint64_t unused(const RateReading& reading) const;
    bool collect(RateReading& reading);
    bool judge(RateReading reading, Instant now);
    bool may_measure(Instant now) const;
    Duration own_queue(const RateReading& reading, Instant now);
    bool end_pause(const RateReading& reading, Instant now);
    bool measure_floor(const RateReading& reading, bool lowered_for_it, Instant now);
    void undo();
    void measure(const RateReading& reading);
    uint64_t best() const;
    void forget();
    bool find(const RateReading& reading, Instant now);
    bool correct(const RateReading& reading, Instant now);
    uint64_t drain_of(const RateReading& reading, Duration pause) const;
    bool lower(const RateReading& reading, Instant now);
    bool raise(const RateReading& reading, Instant now);
    bool lift(Instant now);

    std::array<uint64_t, 16> spans_{};  // the last, bytes per second
    size_t spans_seen_ = 0;
    Span span_;  // under way
    QueueFloor floor_;
    Span busy_;            // while the first queue stood
    Span few_;             // looks that are not judged yet
    uint64_t most_ = 0;    // of all spans, while there is no bound
    uint64_t before_ = 0;  // what the span before the last one brought, while there is no bound
    uint64_t rate_ = 0;
    uint64_t carried_ = 0;  // the largest bound of late
    uint64_t drain_rate_ = 0;
    bool draining_ = false;
    bool first_ = false;      // no queue was seen since the first bound
    bool corrected_ = false;  // and that is of all that its queue let through
    bool standing_ = false;   // a queue was seen while there was no bound
    Instant stands_since_;    // that queue
    uint32_t lowered_ = 0;    // times in a row, the queue standing on
    uint64_t lowered_from_ = 0;
    uint32_t unanswered_ = 0;      // times lowered since it was last raised,
    uint64_t kept_ = 0;            // and what it was before
    Instant borne_since_;          // a queue is seen; 0: none
    Instant round_since_;          // the same of whole round trips
    Instant neither_since_;        // so much delay that it is neither a queue nor none; 0: it is either
    bool lowered_for_it_ = false;  // the bound, for the delay that is measured
    Instant settles_until_;        // a bound set where there was none is new: delay is not doubted
    Instant settled_;              // what is delivered is of the time after that pause again
    uint32_t raised_ = 0;          // times in a row, no queue to be seen
    Instant not_before_;           // what was changed shows only then
    Instant free_until_;           // no bound is set earlier
    Duration free_pause_;
    std::string reason_ = "no queue was seen";
};

}  // namespace whim
