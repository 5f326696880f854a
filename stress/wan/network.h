// The emulated network: what becomes of each packet between its sender's TUN and its receiver's. Pure and
// stepped: packets go in with the time, and come out when their time has come.
//
// A packet passes the sender's `up` line, the link's own line, the link's losses, its delay, and the
// receiver's `down` line. Packets of one direction never overtake each other.
#pragma once

#include <deque>
#include <optional>
#include <queue>
#include <vector>

#include "stress/wan/connections.h"
#include "stress/wan/shaper.h"
#include "stress/wan/topology.h"

namespace stress::wan {

// Of one direction; packets are those on the wire, segments of at most an MTU.
struct Counters {
    uint64_t packets = 0, bytes = 0;  // sent
    uint64_t delivered_packets = 0, delivered_bytes = 0;
    uint64_t dropped_by_queue = 0, dropped_by_loss = 0, dropped_by_cut = 0;  // packets
};

class Network {
public:
    explicit Network(Topology topology);

    void on_packet(Packet packet, whim::Instant now);
    // The next packet that is at its receiver by now.
    std::optional<Packet> arrival(whim::Instant now);
    // When there is something for arrival(), or may be.
    std::optional<whim::Instant> deadline() const;

    const Topology& topology() const { return topology_; }
    // See change() of topology.h. Holds for packets that come from now on, but a partition also for those on
    // their way.
    void change(const std::vector<std::string>& words) { wan::change(topology_, words); }
    // All connections between two hosts, or one of them by chance: how many there were.
    enum class Which { all, one };
    size_t reset(size_t a, size_t b, Which which, whim::Instant now);

    const Counters& counters(size_t from, size_t to) const { return ways_[index(from, to)].counters; }
    // Of packets that arrival() gave out since the last clear_counters().
    whim::Duration lateness_max() const { return lateness_max_; }
    void clear_counters();

private:
    // Packets in the order in which they leave: on their way between two hosts, or in a host's `down` line.
    struct Waiting {
        Packet packet;
        whim::Instant due;
    };
    struct Way {
        Shaper line;
        whim::Prng chance;
        uint64_t jitter_seed;
        Counters counters;
    };
    struct Access {
        Shaper up, down;
    };
    struct Head {  // of a queue that is not empty
        whim::Instant due;
        size_t queue;
        bool operator>(const Head& other) const { return due > other.due; }
    };

    size_t index(size_t from, size_t to) const { return from * topology_.hosts.size() + to; }
    size_t queue_before(size_t host) const { return ways_.size() + host; }
    Way& way(const Packet& packet) { return ways_[index(packet.from, packet.to)]; }
    const Conditions& conditions(const Packet& packet) const {
        return topology_.between(packet.from, packet.to);
    }
    void put_on_the_way(const Packet& packet, whim::Instant now);
    void put_before_host(const Packet& packet, whim::Instant at);
    void wait(size_t queue, Packet packet, whim::Instant due);
    Waiting take_first();
    bool is_cut(const Packet& packet);

    Topology topology_;
    std::vector<Way> ways_;
    std::vector<Access> access_;
    std::vector<std::deque<Waiting>> queues_;  // ways_, then hosts
    std::priority_queue<Head, std::vector<Head>, std::greater<>> heads_;
    std::vector<whim::Instant> last_due_;  // of each queue
    Connections connections_;
    whim::Prng chance_;  // which connection is reset
    whim::Duration lateness_max_;
    std::vector<Run> runs_;  // kept for its memory
};

}  // namespace stress::wan
