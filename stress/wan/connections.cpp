// The last acknowledgement of a sender is the only sequence number from which it believes a reset.
#include "stress/wan/connections.h"

namespace stress::wan {
namespace {

Flow back(const Flow& flow) { return {flow.to, flow.from, flow.port_to, flow.port_from}; }

}  // namespace

Connections::Answer Connections::on_packet(const Packet& packet) {
    const Flow flow = packet.flow();
    const uint8_t flags = packet.flags();
    if ((flags & kSyn) && !(flags & kAck)) {
        sides_.erase(flow);
        sides_.erase(back(flow));
    }
    if (!(flags & kAck)) {
        const auto known = sides_.find(flow);
        return {known == sides_.end() || !known->second.dead, std::nullopt};
    }
    if (sides_.size() >= kFlowsMax) sides_.clear();
    Side& side = sides_[flow];
    side.expects = packet.acknowledged();
    if (!side.dead) return {};
    if (flags & kRst) return {false, std::nullopt};
    return {false, make_reset(back(flow), side.expects)};
}

std::vector<Packet> Connections::reset(size_t a, size_t b) {
    std::vector<Packet> resets;
    for (auto& [flow, side] : sides_) {
        const bool between = (flow.from == a && flow.to == b) || (flow.from == b && flow.to == a);
        if (!between || side.dead) continue;
        side.dead = true;
        resets.push_back(make_reset(back(flow), side.expects));
    }
    return resets;
}

}  // namespace stress::wan
