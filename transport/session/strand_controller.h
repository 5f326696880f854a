// How many bulk strands one direction of a link uses: more while that pays, fewer when it does not.
//
// One connection is enough on a path without loss and with buffers as large as the path; several buy exactly
// two things: more buffer where the system's bound caps a window, and more window where a congestion control
// takes random loss for congestion. What they cost is a fuller queue and more retransmissions. So a step up
// is tried when something that another strand would lift holds the link back, and now and then without a
// sign; a step down when the path's queue overflows; and every step is judged by the rate that it delivers,
// kept or taken back. A step that did not pay is not tried again for a while, each time longer.
//
// Where connections break again and again, a long path has two whatever else is found, until none has broken
// for a while: a link of one stands still when that is lost.
//
// Only time in which the link had more to send than it could counts. Pure: same readings, same decisions.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace whim {

// All bulk strands of one direction, between two looks.
struct StrandReading {
    Duration elapsed;
    uint32_t strands = 0;      // attached, of those wanted
    uint32_t broken = 0;       // connections of the link that were lost while others stayed
    bool backlogged = false;   // frames waited for a strand all the time
    bool paced = false;        // the strands do all that the path's pace lets them
    bool below_pace = false;   // they do less, and no queue stands
    bool pace_is_new = false;  // there was none: what overflowed until now will not again
    uint64_t bytes_acked = 0;
    uint64_t bytes_retransmitted = 0;
    Duration buffer_limited;  // mean over the strands
    bool loss_limited = false;
    Duration rtt_min, rtt_smoothed;
    Duration jitter;  // of the difference: what is no queue
};

class StrandController {
public:
    // From one strand to `most`; begins with what the path's round-trip time suggests, or with `remembered`
    // (0: nothing is).
    StrandController(uint32_t most, uint32_t remembered = 0);

    void learn_path(Duration rtt, Instant now);  // of a new connection; decides only before anything else has
    // True: wanted() changed.
    bool look(const StrandReading& reading, Instant now);

    uint32_t wanted() const { return wanted_; }
    bool knows_path() const { return chosen_; }  // wanted() is more than the default
    uint64_t rate() const { return rate_; }      // bytes per second while backlogged; 0: not known yet
    const std::string& reason() const { return reason_; }  // of the last change, in words

private:
    enum class Trial : uint8_t { none, more_held_back, more_blind, fewer };
    struct Window {
        Duration time, buffer_limited;
        uint64_t bytes = 0, retransmitted = 0;
        bool paced = true, below_pace = true;
    };
    bool note_broken(const StrandReading& reading, Instant now);
    bool breaking(Instant now) const;
    void take_back(Duration rtt_min, Instant now);
    bool begin_anew(const StrandReading& reading, Instant now);
    uint32_t least(Duration rtt_min) const;
    bool judge(const StrandReading& last, Instant now);
    bool judge_paced(const StrandReading& last, Instant now);
    bool judge_trial(Duration rtt_min, Instant now);
    uint64_t rate_needed(Trial trial) const;
    void begin(Trial trial, uint32_t count, std::string why);
    void settle(Instant now, Duration rtt);

    const uint32_t most_;
    uint32_t wanted_ = 1;
    bool chosen_ = false;  // by anything but the default
    Trial trial_ = Trial::none;
    uint32_t before_ = 1;             // strands before the trial
    uint64_t rate_before_ = 0;        // and what they delivered
    Instant settled_at_;              // readings before it do not count
    Instant more_from_, fewer_from_;  // not tried earlier
    Duration more_pause_, fewer_pause_;
    uint32_t broken_ =
        0;  // looks at which some had, in a row, none longer than kBreaksForgotten after the one before
    Instant broken_until_;  // then they are forgotten
    Window window_;
    uint64_t rate_ = 0;
    bool opening_ = true;  // the rate still grows by itself
    std::string reason_ = "one until the path is known";
};

}  // namespace whim
