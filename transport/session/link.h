// One link: its session with the other end, its strands by index, and what both sides still owe each other.
// A plain record with the arithmetic of its counters; endpoint_impl.h says who moves it on.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "transport/session/bulk_queue.h"
#include "transport/session/burst.h"
#include "transport/session/endpoint.h"
#include "transport/session/forward_delay.h"
#include "transport/session/frame.h"
#include "transport/session/in_frames.h"
#include "transport/session/loss_watch.h"
#include "transport/session/rate_finder.h"
#include "transport/session/rate_limiter.h"
#include "transport/session/rtt_histogram.h"
#include "transport/session/send_window.h"
#include "transport/session/strand_controller.h"

namespace whim {

struct Strand;
using StrandPtr = std::shared_ptr<Strand>;

// One strand index of a link. Counters live as long as the session, whatever strands come and go.
struct Slot {
    StrandPtr strand;                // attached
    StrandPtr dialing;               // on its way there
    uint32_t generation = 0;         // of the strand that is or was last attached
    uint32_t dialed_generation = 0;  // of our last hello
    uint32_t attempts = 0;           // dials since the strand was last settled
    uint32_t unanswered = 0;         // given up in silence since one was attached
    Instant dialed_at;               // when our last dial began
    std::optional<Instant> next_dial;

    uint64_t received = 0;                // numbered frames that arrived whole
    uint64_t received_acked = 0;          // of which the other side was told
    uint64_t received_bytes_unacked = 0;  // of messages, of parts
    bool ack_due = false;
    BulkWindow sent;  // bulk strands only

    void begin_session() {
        generation = 0;
        received = received_acked = received_bytes_unacked = 0;
        ack_due = false;
        sent.clear();
    }
};

// Heartbeats of the control strand: what is due, and the times of the last pings.
struct Heartbeat {
    static constexpr size_t kKept = 256;  // those of over two seconds, where they go along with looks
    struct Ping {
        uint64_t number = 0;
        Instant sent;
    };
    std::optional<Instant> next;
    bool ping_due = false;
    std::optional<Pong> pong_due;
    uint64_t last_number = 0;
    std::array<Ping, kKept> pings{};

    void stop() {
        next.reset();
        ping_due = false;
        pong_due.reset();
    }
    // When that ping of ours was sent, if it was; each ping is answered once.
    std::optional<Instant> answered(uint64_t number) {
        Ping& ping = pings[number % kKept];
        if (number == 0 || ping.number != number) return std::nullopt;
        ping.number = 0;
        return ping.sent;
    }
};

// How fast bulk leaves; path_pace.cpp.
struct Pace {
    RateFinder finder;     // of what this path alone allows
    uint64_t rate = 0;     // of this and of its share of what all links have; 0: no bound
    bool reached = false;  // the last look found that rate delivered, or nearly
    bool calm = false;     // and no queue
    bool is_new = false;   // there was no bound when the strands were looked at last
    Instant written_at;
    Instant active_until;  // counts among those that share
};

struct Link {
    LinkKey key;
    LinkOptions options;
    bool open = true;  // false: the owner closed it

    SessionNonce mine;
    SessionNonce theirs;        // unknown: no session yet
    std::deque<Slot> slots;     // 0: control; only grows, and nobody moves: windows are referred to
    uint32_t bulk_strands = 0;  // agreed; the smaller wish
    std::optional<StrandController> tuner;  // none: all that were agreed are used
    uint32_t wanted_there = 1;              // by the other side's, for its direction
    bool wanted_due = false;                // the other side has to be told of ours
    bool ran_dry = false;  // a strand could have taken more than was queued, since the last look
    Instant looked_at;
    uint32_t broken = 0;           // connections lost while others stayed, since the last look
    uint64_t received_before = 0;  // stats.bytes_received at the last look
    Pace pace;
    LossWatch losses;
    RttHistogram rtts;
    ForwardDelay forward;

    MessageWindow messages;
    BulkQueue bulk;                                   // not taken by a strand
    uint64_t frames_begun = 0;                        // bulk frames of this session that a strand took
    std::deque<std::shared_ptr<OutFrame>> unsettled;  // of them, in order, from the first on
    uint32_t frames_spread = 0;                       // of them
    InFrames arriving;
    bool far = false;  // the path is long: small parts, acknowledged soon
    Burst burst;
    bool copies = false, spreads = false;   // short bursts go twice; over more strands; copies.cpp
    std::optional<Instant> strand_lost_at;  // the last
    RateLimiter limiter;
    std::vector<uint8_t> losses_due;  // strand indices whose loss the other side has to be told
    Heartbeat heartbeat;
    uint8_t aside = 0;              // the strand that carries control while its own is lost, or 0; aside.cpp
    bool control_lost_due = false;  // the other side has to be told

    bool up = false;  // what the owner was last told
    std::optional<std::pair<LinkDownKind, std::string>> down_told;
    std::optional<Instant> control_lost_at;  // while other strands live
    std::optional<Instant> next_probe;
    uint32_t probes = 0;
    std::set<size_t> refusals;  // addresses that refused a probe; none once one did anything else
    StrandPtr probe;
    bool unpark_due = false;

    // Detours, of the end that dials. See detour.cpp.
    Instant answered;                    // a heartbeat of ours: both directions work
    Instant carried;                     // bytes of the control strand, as the other system acknowledged
    Instant direct_since;                // the control strand found its direct path
    StrandPtr detour;                    // a control strand on its way through a third member
    std::optional<Instant> next_detour;  // not before
    std::vector<LinkKey> relays_tried;   // since one was attached or all were
    uint32_t detour_pauses = 0;
    uint32_t direct_tries = 0;  // while it runs through a third member, since the direct path last held
    std::optional<LinkKey> told_via;
    std::string off_direct;  // what is wrong with the direct path

    bool stuck = false;  // the bound of unacknowledged bytes was reached

    // The race for the control strand between the addresses, which are numbered as in options; race.cpp.
    struct Failure {
        size_t address = 0;
        LinkDownKind kind = LinkDownKind::unreachable;
        std::string detail;
    };
    std::vector<std::optional<Duration>> connect_times;  // last measured; nullopt: never, or it failed since
    std::optional<size_t> good_address;                  // the one that worked last
    std::deque<size_t> untried;                          // in this race, best first
    std::vector<StrandPtr> racers;                       // dialled and not attached
    std::optional<Instant> next_racer;
    std::vector<Failure> failures;  // of this race, the last of each address
    std::set<size_t> in_vain;       // addresses whose last hello did not lead to a strand
    uint32_t retries = 0;           // of addresses that failed while others were silent
    bool asks = false;              // beside a path that says nothing: first who is there
    bool silence = false;           // somebody in this race did not answer in time
    std::string failure_detail;     // of the last race that was lost

    LinkStats stats;

    Slot& control() { return slots[0]; }
    // Bulk that no strand has written yet.
    bool has_waiting() const;
    bool dials_directly() const { return options.dial && !options.addresses.empty(); }
    // Bulk strands that carry what this side sends, and those that have to be there for both directions.
    uint32_t strands_used() const { return tuner ? std::min(tuner->wanted(), bulk_strands) : bulk_strands; }
    uint32_t strands_open() const {
        return tuner ? std::min(std::max(strands_spread(), wanted_there), bulk_strands) : bulk_strands;
    }
    // Those that carry short bursts.
    uint32_t strands_spread() const {
        return spreads ? std::min(std::max(strands_used(), limits::kStrandsLossy), bulk_strands)
                       : strands_used();
    }
    // Whether that bulk strand is among the first `count` that are there: where one is missing, the next
    // takes its place, also one that only the other side wanted.
    bool among_first(size_t index, size_t count) const {
        for (size_t i = 1; i < index && count > 0; ++i) count -= slots[i].strand != nullptr;
        return count > 0;
    }
    bool control_up() const { return slots[0].strand != nullptr; }
    bool any_up() const {
        for (const Slot& slot : slots) {
            if (slot.strand) return true;
        }
        return false;
    }
};

}  // namespace whim
