// One process's end of all its links, as a stepped value: strands, handshakes, framing, resumption.
//
// A driver (sockets in transport/asio, virtual time in tests/sim) moves bytes and tells the time. The owner
// (engine or coordinator) opens links and exchanges messages and bulk frames by LinkKey. Not thread-safe:
// everything happens on the one thread that steps it. Callbacks to owner and driver are made from inside
// the stepping calls; the owner may call send_*, open_link and close_link from inside a callback.
//
// What it promises the owner, per link session: messages arrive once, in order, whatever strands are lost;
// bulk frames arrive once or are void, in any order relative to each other and to messages.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/limits.h"
#include "base/plant.h"
#include "base/time.h"
#include "transport/session/path_sample.h"
#include "transport/session/secure_channel.h"
#include "transport/session/strand_work.h"
#include "wire/address.h"

namespace whim {

// Whom a link leads to: a member of the view (peer id, incarnation), a coordinator as a peer sees it
// (a zero peer id but for the index in its last byte, incarnation 0), or a peer as a coordinator sees it
// (peer id, the boot number of that process).
using LinkKey = MemberId;

// A payload to send, named rather than held: the owner is asked for its bytes when they are about to be
// written, and may answer that they are no longer needed (then nothing is sent).
struct BulkFrame {
    Bytes header;                // opaque to the transport; at most limits::kBulkHeaderBytesMax
    uint32_t payload_bytes = 0;  // at most limits::kBulkPayloadBytesMax
    uint64_t cookie = 0;         // the owner's name for the payload
    uint64_t flow = 0;           // what it belongs to; flows share the link, frames of one keep their order
    uint32_t share = 1;          // weight of the flow among those of its priority, at least 1
    uint32_t priority = 0;       // higher goes first
    bool begun = false;          // the endpoint's word in bulk_pin: its payload was asked for before
};

// Where a payload that is arriving shall go. A null span discards it, and no bulk_end follows; otherwise its
// size is the payload's. A frame without payload always has its bulk_end.
struct BulkSink {
    MutableByteSpan into;
    uint64_t token = 0;  // given back in bulk_end
};

enum class LinkDownKind : uint8_t {
    closed,       // connections ended; redialling
    refused,      // nobody listens at its address any more: the process is gone
    unreachable,  // no route, or no answer in time
    rejected,     // the other side answered and does not want this link; detail says why
    identity,     // the other side proved another key than expected
    version,      // no common protocol version
    protocol,     // the other side sent what no correct program sends
};
std::string_view link_down_name(LinkDownKind kind);

// Whether messages sent before the interruption still arrive (resumed) or the session began anew (fresh).
enum class LinkSession : uint8_t { fresh, resumed };

class EndpointOwner {
public:
    virtual ~EndpointOwner() = default;
    // A strand from a link nobody opened. True: the link exists, opened by the owner inside this call or else
    // made now without bulk strands. False parks the strand until open_link or limits::kHandshakeTimeout (a
    // view may be on its way).
    virtual bool accept_link(const LinkKey& from, Instant now) = 0;
    // After `fresh`, what was sent before the last link_down is lost; what was sent on a new link is not.
    virtual void link_up(const LinkKey& key, LinkSession session, Instant now) = 0;
    // Said when all strands are lost, and again when more is known. The endpoint keeps trying until
    // close_link.
    virtual void link_down(const LinkKey& key, LinkDownKind kind, const std::string& detail, Instant now) = 0;
    virtual void message(const LinkKey& from, ByteSpan message, Instant now) = 0;
    virtual BulkSink bulk_begin(const LinkKey& from, ByteSpan header, uint32_t payload_bytes) = 0;
    // The payload is whole (true), or its sender gave it up or the session ended (false: it comes again or
    // never).
    virtual void bulk_end(const LinkKey& from, uint64_t token, bool whole, Instant now) = 0;
    // The bytes of a queued frame; must stay readable and unchanged until bulk_unpin for the same frame.
    // nullopt: no longer needed. May be asked again for the same frame after a strand was lost.
    virtual std::optional<ByteSpan> bulk_pin(const LinkKey& to, const BulkFrame& frame) = 0;
    virtual void bulk_unpin(const LinkKey& to, const BulkFrame& frame) = 0;
    // The link runs through that member now, or (nullopt) over a path of its own again; why says what is
    // wrong with the other way. Links begin on their own.
    virtual void link_routed(const LinkKey&, const std::optional<LinkKey>& /*via*/,
                             const std::string& /*why*/, Instant) {}
    // The end of a test_address(), said once: who answered there (with TLS: proved it), or why nobody did, as
    // in "connection refused (nobody listens there)".
    virtual void address_answered(uint64_t test, const std::optional<PeerId>& who, const std::string& cause,
                                  Instant now) {
        (void)test, (void)who, (void)cause, (void)now;
    }
};

// Asked from inside any call of the endpoint; a driver remembers and acts after that call has returned.
class StrandDriver {
public:
    virtual ~StrandDriver() = default;
    virtual void dial(StrandHandle strand, const Address& to) = 0;  // answers with dialed() or dial_failed()
    virtual void close(StrandHandle strand) = 0;                    // no further call names it
    virtual void wants_write(StrandHandle strand) = 0;  // write_buffers() has something, after it had nothing
    // Of a connection that is up; nullopt where the system tells nothing. Answers at once, from inside.
    virtual std::optional<PathSample> sample(StrandHandle) { return std::nullopt; }
    // What leaves over the connection is spread in time, from now on; bytes per second, 0 for no bound. A
    // wish: where the system cannot, nothing changes.
    virtual void pace(StrandHandle, uint64_t /*bytes_per_second*/) {}
    // By what it is guided, from now on. A wish.
    virtual void guide(StrandHandle, Congestion) {}
};

// Dials strands that run through a third member; see circuits.h. What holds for a driver holds for it.
class CircuitDialer {
public:
    virtual ~CircuitDialer() = default;
    virtual void dial_through(StrandHandle strand, const LinkKey& relay, const LinkKey& to, bool bulk) = 0;
};

// With a detail that says no more than the cause: "connection refused".
enum class DialError : uint8_t { refused, unreachable, timed_out, name_unknown };

struct LinkOptions {
    std::vector<Address> addresses;  // empty: nothing is dialled; wait, or go through others (detours)
    bool dial = true;                // false: the other side dials; addresses serve to test that it lives
    bool detours = false;            // may run through a third member, and carry the links of others
    uint32_t bulk_strands = 1;       // 0 for links to coordinators
    bool tune_strands = false;       // bulk_strands is the most; how many there are is found out by measuring
    std::optional<PeerId> expected;  // the key the other side must prove; links to members expect theirs
    Incarnation local_instance;      // what this end calls itself on this link
};

// Counters and state of one link, for detection, metrics and tests.
struct LinkStats {
    bool up = false;
    std::optional<LinkKey> via;                 // the member that the control strand runs through
    Instant last_heard;                         // any byte on any strand
    Duration rtt_min, rtt_smoothed, rtt_p99;    // of heartbeats; 0 until known
    Duration path_rtt;                          // smoothed, of segments, as the system sees it; 0: not known
    uint64_t rate_sent = 0, rate_received = 0;  // bytes per second in spans with enough to send; 0: not known
    uint64_t bytes_retransmitted = 0;           // by the system, of those sent
    uint64_t control_bytes_retransmitted = 0;   // of these, of control strands
    uint64_t pace = 0;                          // bytes per second that bulk leaves at, at most; 0: no bound
    std::string pace_reason;                    // why that, in words
    bool lossy = false;                         // losses are random; bulk is guided by rate (path_sample.h)
    uint32_t strands = 0, strands_used = 0;     // bulk: open; used for sending
    std::string strands_reason;                 // why that many, in words
    uint64_t bytes_sent = 0, bytes_received = 0;
    uint64_t messages_sent = 0, messages_received = 0;
    uint64_t bulk_frames_sent = 0, bulk_frames_received = 0;
    uint64_t bulk_frames_resent = 0;  // written again because a strand was lost
    uint64_t bytes_copied = 0;        // of payloads, sent once more unasked; see copies.cpp
    uint64_t strands_lost = 0;
    uint32_t bulk_queued = 0;

    // What heartbeats wait for beyond the path's own time: the queues that this link and others fill.
    Duration queueing_delay() const { return std::max(Duration{}, rtt_smoothed - rtt_min); }
};

struct EndpointConfig {
    PeerId id;
    std::string run_name;               // both ends must agree; checked in the hello
    uint64_t seed = 0;                  // of back-off jitter and link nonces
    bool is_coordinator = false;        // said in the hello; links between two coordinators are refused
    CircuitDialer* circuits = nullptr;  // null: links have no detours
    uint32_t part_bytes = limits::kPartBytes;             // of a bulk frame, taken at once, on a long path
    Plant plant = Plant::none;                            // simulator only
    uint32_t shared_bytes_min = limits::kSharedBytesMin;  // small in tests
};

class Endpoint {
public:
    // channels may be null: security none.
    Endpoint(EndpointConfig config, ChannelFactory* channels, EndpointOwner& owner, StrandDriver& driver);
    ~Endpoint();

    // For the owner.
    void open_link(const LinkKey& key, LinkOptions options, Instant now);
    void close_link(const LinkKey& key,
                    Instant now);  // frees it; unsent frames are dropped, pins and sinks released
    bool has_link(const LinkKey& key) const;
    // False when the link does not exist or its bound of unacknowledged bytes is reached (then the session
    // ends: link_down(closed) comes with the next deadline, which is now, and the link begins anew).
    bool send_message(const LinkKey& key, Bytes message, Instant now);
    // False when the link does not exist, has no bulk strands, or limits::kBulkQueuedMax wait.
    bool send_bulk(const LinkKey& key, BulkFrame frame, Instant now);
    bool takes_bulk(const LinkKey& key) const;  // whether send_bulk would
    std::optional<LinkStats> stats(const LinkKey& key) const;
    // Bytes per second that bulk leaves at over that link: its pace; of a long path without one, what it was
    // measured to carry; no more than limit_rate() allows. 0: not known, or a short path without such a
    // bound.
    uint64_t rate(const LinkKey& key) const;
    // Why that member's link can carry no circuit now; empty when it can.
    std::string why_no_relay(const LinkKey& key, Instant now) const;
    std::vector<LinkKey> links() const;  // sorted
    // Bounds on what leaves, in bytes per second, 0 for none: of all links together, and of each. Bulk waits;
    // control does not, but counts.
    void limit_rate(uint64_t all_links, uint64_t each_link, Instant now);
    // Dials an address only to learn who answers there, which the owner hears within limits::kReachTestTime.
    // The other side answers without a link and without asking its owner. test: the caller's number for it.
    void test_address(uint64_t test, const Address& to, Instant now);
    void end_test(uint64_t test);  // its answer is not wanted any more

    // For the driver.
    StrandHandle accepted(const Address& from, Instant now);
    StrandHandle accepted_through(const LinkKey& relay, Instant now);
    void dialed(StrandHandle strand, Instant now);
    void dial_failed(StrandHandle strand, DialError error, const std::string& detail, Instant now);
    void closed(StrandHandle strand, const std::string& detail,
                Instant now);                          // by the other side or the network
    MutableByteSpan read_buffer(StrandHandle strand);  // never empty; valid until did_read
    void did_read(StrandHandle strand, size_t bytes, Instant now);
    size_t write_buffers(StrandHandle strand,
                         std::span<ByteSpan> out);  // fills up to out.size() pieces; 0: nothing to write
    void did_write(StrandHandle strand, size_t bytes, Instant now);  // of the pieces last given, in order
    // With channels, what takes the time of several bulk strands at once; see strand_work.h. Empty: it is not
    // worth it, or there is no channel; then, and for strands that are not among the answer, the calls above.
    // What a Sealing says to write is written, then end_sealing(), then did_write() for each. What an Opening
    // reads needs no did_read().
    std::vector<Sealing> begin_sealing(std::span<const StrandHandle> strands, Instant now);
    void end_sealing(std::span<const Sealing> work, Instant now);
    std::vector<Opening> begin_opening(std::span<const StrandHandle> strands, Instant now);
    void end_opening(std::span<const Opening> work, Instant now);
    // Whether it carries bulk or control; nullopt until it is part of its link.
    std::optional<bool> carries_bulk(StrandHandle strand) const;
    // Bytes below which reading gains nothing: what is certain to come of the payload under way. At least 1.
    size_t worth_reading(StrandHandle strand) const;
    // So much may be written to a strand before others have their turn.
    size_t turn_bytes(StrandHandle strand) const;
    std::optional<Instant> deadline() const;  // any call, the owner's too, may move it; may be now
    void on_deadline(Instant now);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace whim
