// The simulated network: byte streams between hosts, and every way in which they go wrong.
//
// Each ordered pair of hosts is a path with a delay, jitter, a rate, a bound of bytes in flight and a habit
// of cutting writes into pieces. Streams keep their order. A blocked path holds bytes as TCP does: they
// arrive when it heals, or their sender gives up after the stream's patience. Faults are functions here,
// called by faults.h.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/host.h"

namespace whim::sim {

struct Path {
    Duration delay = milliseconds(5);
    Duration jitter{};
    uint64_t bytes_per_second = 100'000'000;
    uint32_t in_flight_max = 256 * 1024;
    uint32_t piece_max = 64 * 1024;  // a write or a read moves 1 to so many bytes
    Instant blocked_until{};
    Instant swallowed_until{};  // blocked, and somebody on the way acknowledges all the same
    bool shut = false;          // a firewall: dials in this direction are never answered
};

enum class DeathKind : uint8_t {
    process,  // the system ends its connections and refuses new ones
    machine,  // nothing answers any more
};

class Port;

class Network {
public:
    // Sees all bytes as they arrive: stream numbers one direction of one connection.
    using Tap = std::function<void(HostId from, HostId to, uint64_t stream, ByteSpan bytes)>;

    Network(World& world, std::vector<Host*> hosts);
    ~Network();

    static Address address_of(HostId host) { return {"h" + std::to_string(host), 7000}; }
    static Address silent_address() { return {"silence", 1}; }  // swallows dials
    Path& path(HostId from, HostId to) { return paths_[from * hosts_.size() + to]; }
    void set_tap(Tap tap) { tap_ = std::move(tap); }

    // Faults. All take effect at once.
    void block(HostId from, HostId to, Instant until);  // nothing is delivered before
    bool swallowed(HostId from, HostId to) { return path(from, to).swallowed_until > world_.now(); }
    void swallow(HostId a, HostId b, Instant until);  // the same in both directions, but acknowledged
    bool cut_one(HostId a, HostId b);  // resets one stream, in the middle of what is in flight; false: none
    void cut_all(HostId host);
    void close_to_dials(HostId host);                // from now on nobody's dial reaches it
    void process_died(HostId host, DeathKind kind);  // before Host::kill()
    void process_started(HostId host);               // after Host::start()

    uint64_t bytes_in_flight() const;

    void work_together() { together_ = true; }  // strands of one host that are ready have their turns at once
    uint64_t turns_together() const { return turns_together_; }

private:
    friend class Port;
    enum class SideState : uint8_t { dialing, unaccepted, open, closed };
    struct Segment {
        Instant begins, arrives;  // on the line; at the other end
        Bytes bytes;
        size_t read = 0;
        bool fin = false;
    };
    // One end, and the direction in which it sends.
    struct Side {
        HostId host = kNoHost;
        uint64_t life = 0;
        StrandHandle handle;
        SideState state = SideState::closed;
        std::deque<Segment> flight;
        size_t flight_bytes = 0;
        uint64_t written_bytes = 0, sent_again_bytes = 0;
        uint64_t acked_bytes = 0;  // as last seen by the sender's system
        Instant last_arrival{}, line_free{};
        std::optional<Instant> blocked_since;
        bool write_planned = false, delivery_planned = false, wants_write = false;
        bool cut = false;  // what it writes from now on never arrives
    };
    struct Connection {
        uint64_t id = 0;
        Side sides[2];
        Duration patience;  // of a sender whose bytes do not arrive
    };

    void dial(Port& port, StrandHandle handle, const Address& to);
    void arrive(uint64_t id);  // the first packet, at the host that was dialled
    void accept(uint64_t id);
    std::optional<PathSample> sample(Connection& c, int side);
    void fail_dial(uint64_t id, DialError error, const std::string& detail);
    void close(uint64_t id, int side);
    void plan_write(uint64_t id, int side);
    void write(uint64_t id, int side, Endpoint& endpoint, Instant local);
    void push(Connection& c, int side, Segment segment);
    void plan_delivery(Connection& c, int side);
    void deliver(uint64_t id, int side);
    bool read_head(Connection& c, int side, Process& process, Instant local);  // false: the reader is gone
    bool has_arrived(const Side& from) const;
    uint64_t bytes_arrived(const Segment& segment) const;  // packet by packet; of these, not read
    size_t take(Connection& c, int side, MutableByteSpan buffer);
    void seal_together(HostId host, Endpoint& endpoint, Instant local);
    void open_together(HostId host, Endpoint& endpoint, Instant local);
    void reset(uint64_t id, int side, const std::string& detail, Duration delay);
    void forget(uint64_t id);  // when both ends are closed
    Connection* find(uint64_t id);
    Duration delay_of(HostId from, HostId to);
    bool blocked(HostId from, HostId to) { return path(from, to).blocked_until > world_.now(); }
    uint64_t swallowed_bytes(const Side& from, HostId to);  // of those that are not delivered
    Port* port_of(const Side& side);

    World& world_;
    std::vector<Host*> hosts_;
    std::vector<Path> paths_;
    std::vector<Port*> ports_;  // of the running process, by host
    std::vector<bool> machine_down_;
    std::vector<bool> closed_to_dials_;
    std::map<uint64_t, Connection> connections_;
    uint64_t next_connection_ = 1;
    Prng prng_;
    Tap tap_;
    bool together_ = false;
    uint64_t turns_together_ = 0;
};

// The StrandDriver of one process.
class Port : public StrandDriver {
public:
    Port(Network& network, Host& host);
    ~Port() override;
    void dial(StrandHandle strand, const Address& to) override;
    void close(StrandHandle strand) override;
    void wants_write(StrandHandle strand) override;
    std::optional<PathSample> sample(StrandHandle strand) override;

private:
    friend class Network;
    struct Place {
        uint64_t connection = 0;
        int side = 0;
    };
    Network& network_;
    Host& host_;
    std::map<StrandHandle, Place> places_;
};

}  // namespace whim::sim
