// TCP connections that the emulated WAN has seen, so that it can reset them. Pure.
//
// A reset connection is one that the path has forgotten: both ends get a RST, and whoever still speaks on it
// is answered with another. A new connection between the same ports works.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "stress/wan/packet.h"

namespace stress::wan {

// When there are more, all are forgotten; those that live are known again by their next packet.
constexpr size_t kFlowsMax = 65'536;

class Connections {
public:
    // What to do with a packet: let it pass, drop it, or drop it and answer its sender.
    struct Answer {
        bool pass = true;
        std::optional<Packet> reset;
    };
    Answer on_packet(const Packet& packet);

    // Forgets all connections between two hosts, or with `pick` one of those that nobody is closing; the
    // resets that both ends of each get.
    std::vector<Packet> reset(size_t a, size_t b, std::optional<uint64_t> pick = std::nullopt);

private:
    struct Side {
        uint32_t expects = 0;  // the sequence number that this flow's sender waits for
        bool closing = false;  // it has sent its last octet
        bool dead = false;
    };
    std::vector<Flow> open_between(size_t a, size_t b) const;  // each connection once
    void reset_side(const Flow& flow, std::vector<Packet>& resets);

    std::map<Flow, Side> sides_;
};

}  // namespace stress::wan
