// One connection of a link, from dial or accept to close: its handshake state, its reader and what it is
// about to write. A plain record; endpoint_impl.h says who moves it on.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "transport/session/endpoint.h"
#include "transport/session/frame_reader.h"
#include "transport/session/out_frame.h"
#include "transport/session/out_queue.h"

namespace whim {

struct Link;

enum class StrandState : uint8_t {
    dialing,   // the driver is connecting
    probing,   // the driver is connecting, only to learn whether somebody listens
    securing,  // the channel's handshake
    greeting,  // hello sent, or waited for
    parked,    // hello of a link that nobody opened yet
    attached,  // part of its link
    draining,  // refused; closes when the refusal had its time
    closed,
};

struct Strand {
    StrandHandle handle;
    StrandState state = StrandState::dialing;
    bool dialer = false;
    std::string where;   // "at 10.0.0.1:7001" when dialled, "from 10.0.0.2:40112" when accepted: for texts
    Address to;          // dialer, of a connection
    size_t address = 0;  // its number in the link's options
    std::optional<LinkKey> via;    // the member it runs through
    Instant begun;                 // dialer: when it began
    std::optional<uint64_t> test;  // dialer: only asks who answers, see reach_test.cpp
    bool asks = false;             // dialer: the same of its link's address, see race.cpp
    Instant deadline;              // of every state but attached
    Instant attached_at;

    std::shared_ptr<Link> link;  // null until known
    uint8_t index = 0;
    uint32_t generation = 0;
    std::optional<Hello> hello;  // parked

    std::unique_ptr<SecureChannel> channel;  // null: security none
    FrameReader reader;
    Bytes staging;
    bool reading_direct = false;        // the buffer last given is the payload's destination
    std::optional<PathSample> sampled;  // at the last look
    std::optional<uint64_t> acked_at_pace_look;
    uint64_t retransmitted_at_pace_look = 0;
    uint64_t acked_since = 0;                // between the last two looks at the pace
    bool window_full = false, lost = false;  // at the last of them
    bool opens = false;                      // its window, by rate, until it is large enough
    uint64_t pace = 0;                       // the driver was told; 0: no bound
    Congestion guide = Congestion::by_loss;  // the driver was told
    struct Arriving {
        uint64_t number = 0;
        uint32_t offset = 0, bytes = 0;
    };
    std::optional<Arriving> arriving;  // the part under way, if it is of use
    std::optional<OutPart> in_hand;    // what is left of the frame that it sends; pinned
    uint64_t handshake_bytes = 0;      // received before it was attached

    Bytes pending;  // handshake frames to write
    OutQueue out;
    bool idle = true;  // the driver was told that there is nothing to write
};

}  // namespace whim
