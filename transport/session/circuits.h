// Circuits: strands that run through a third member, where two have no path to each other.
//
// To the endpoint a circuit is one more strand: bytes in, bytes out. What goes through it is the strand's own
// TLS, hello and frames, so the relay sees ciphertext (with security none, bytes) and the link's session goes
// on over whatever path there is. This is the endpoint's driver: it passes on what concerns connections, and
// carries the strands dialled by dial_through() as messages and bulk frames of the link to the relay.
//
// Bytes of control strands travel as messages, so that bulk never starves heartbeats; those of bulk strands
// as bulk frames with their offset, in any order. Each end grants a window, which bounds the relay's memory
// too. A circuit ends with either of its two links' connections: the strand is lost, and the session above
// resumes.
//
// run() moves bytes between circuits and endpoint and must not be called from inside a call of the endpoint;
// work_due() says when. All else may be called from anywhere on the thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "base/plant.h"
#include "base/prng.h"
#include "transport/session/circuit_outbox.h"
#include "transport/session/relay.h"

namespace whim {

struct CircuitsConfig {
    uint64_t seed = 0;  // of circuit numbers
    uint32_t control_window_bytes = limits::kCircuitControlWindowBytes;
    uint32_t bulk_window_bytes = limits::kCircuitBulkWindowBytes;
    uint64_t carried_bytes_max = limits::kCarriedBytesMax;
    Plant plant = Plant::none;  // simulator only
};

class Circuits final : public StrandDriver, public CircuitDialer {
public:
    struct Counters {
        uint64_t opened = 0;   // that were dialled here and accepted
        uint64_t refused = 0;  // that were dialled here
        uint64_t lost = 0;     // with the link to their relay, or by its word
        uint64_t overrun = 0;  // an end sent more than it was granted: only when one breaks the protocol
    };

    Circuits(CircuitsConfig config, StrandDriver& connections);
    void attach(Endpoint& endpoint) { endpoint_ = &endpoint; }
    void set_self(const MemberId& self) { self_ = self; }

    // StrandDriver and CircuitDialer, for the endpoint.
    void dial(StrandHandle strand, const Address& to) override { connections_.dial(strand, to); }
    void dial_through(StrandHandle strand, const LinkKey& relay, const LinkKey& to, bool bulk) override;
    void close(StrandHandle strand) override;
    void wants_write(StrandHandle strand) override;
    std::optional<PathSample> sample(StrandHandle strand) override {
        return by_strand_.contains(strand) ? std::nullopt : connections_.sample(strand);
    }
    void pace(StrandHandle strand, uint64_t bytes_per_second) override {
        if (!by_strand_.contains(strand)) connections_.pace(strand, bytes_per_second);
    }
    void guide(StrandHandle strand, Congestion by) override {
        if (!by_strand_.contains(strand)) connections_.guide(strand, by);
    }

    // What came over links between members, for the owner to pass on. False: not about circuits.
    bool on_message(const LinkKey& from, const wire::Message& message, Instant now);
    BulkSink bulk_begin(const LinkKey& from, ByteSpan header, uint32_t payload_bytes);
    static bool owns(uint64_t token) { return (token & kTokenMark) != 0; }
    void bulk_end(uint64_t token, bool whole);
    std::optional<ByteSpan> bulk_pin(const BulkFrame& frame) { return pieces_.pin(frame.cookie); }
    void bulk_unpin(const BulkFrame& frame) { pieces_.unpin(frame.cookie); }
    // All strands of a link were lost, its session began anew, or it was closed.
    void link_lost(const LinkKey& link, const std::string& why);

    bool has_outbox() const { return !outbox_.empty(); }
    std::vector<CircuitFrame> take_outbox() { return std::exchange(outbox_, {}); }
    bool work_due() const { return !due_.empty(); }
    void run(Instant now);

    size_t carried_now() const { return relay_.carried(); }  // for others
    size_t ends_now() const { return ends_.size(); }
    const Counters& counters() const { return counters_; }
    const Relay::Counters& relay_counters() const { return relay_.counters(); }

private:
    static constexpr uint64_t kTokenMark = 1ull << 63;

    enum class EndState : uint8_t {
        opening,   // dialled here, not answered
        arriving,  // accepted next time
        open,
    };
    struct Sent {  // a piece on its way through the relay
        uint64_t end = 0;
        uint64_t number = 0;
    };
    struct End {
        LinkKey relay;
        bool bulk = false;
        EndState state = EndState::opening;
        StrandHandle strand;  // none while arriving
        std::optional<wire::CircuitAnswer> answer;
        std::optional<std::string> closed;  // by the other end or the relay; what has arrived goes first

        bool wants_write = false;
        uint32_t window_bytes = 0;  // of each direction: the least of what both ends and the relay grant
        uint64_t sent = 0, far_taken = 0;
        std::deque<Sent> unacknowledged;  // bulk

        std::map<uint64_t, Bytes> arrived;  // by offset, not yet taken by the endpoint
        uint64_t appended = 0;              // control: what has arrived so far
        uint64_t taken = 0, taken_told = 0;
    };
    struct Arriving {
        LinkKey from;
        wire::CircuitHeader header;
        std::shared_ptr<Bytes> bytes;
    };

    uint32_t window_of(bool bulk) const {
        return bulk ? config_.bulk_window_bytes : config_.control_window_bytes;
    }
    End* find(uint64_t circuit);
    End* find(const LinkKey& relay, uint64_t circuit);
    void take_up(const LinkKey& from, const wire::CircuitOpen& message);
    void arrived(uint64_t circuit, End& end, uint64_t offset, Bytes bytes);
    void credited(uint64_t circuit, End& end, uint64_t taken);
    void drop_first(End& end);
    void broken(uint64_t circuit, const std::string& what);
    void forget(uint64_t circuit);

    // Of run(). Each may find that the endpoint has closed the strand meanwhile.
    void serve(uint64_t circuit);
    void settle_dial(uint64_t circuit);
    void deliver(uint64_t circuit);
    void end_closed(uint64_t circuit);
    void fill(uint64_t circuit);
    void send_piece(uint64_t circuit, End& end, Bytes piece);

    const CircuitsConfig config_;
    StrandDriver& connections_;
    Endpoint* endpoint_ = nullptr;
    MemberId self_;
    Prng prng_;
    Instant now_;

    std::map<uint64_t, End> ends_;
    std::map<StrandHandle, uint64_t> by_strand_;
    std::set<uint64_t> due_;
    std::map<uint64_t, Arriving> arriving_;  // bulk frames, by token
    uint64_t last_token_ = 0;
    std::map<LinkKey, uint64_t> held_bytes_;  // by relay: arrived and not taken by the endpoint
    PieceStore pieces_;
    std::vector<CircuitFrame> outbox_;
    Relay relay_;
    Counters counters_;
};

}  // namespace whim
