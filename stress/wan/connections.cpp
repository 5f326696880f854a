// The last acknowledgement of a sender is the only sequence number from which it believes a reset.
#include "stress/wan/connections.h"

#include <algorithm>

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
        if (known == sides_.end()) return {};
        known->second.closing = known->second.closing || (flags & kRst) != 0;
        return {!known->second.dead, std::nullopt};
    }
    if (sides_.size() >= kFlowsMax) sides_.clear();
    Side& side = sides_[flow];
    side.expects = packet.acknowledged();
    side.closing = side.closing || (flags & (kFin | kRst)) != 0;
    if (!side.dead) return {};
    if (flags & kRst) return {false, std::nullopt};
    return {false, make_reset(back(flow), side.expects)};
}

std::vector<Flow> Connections::open_between(size_t a, size_t b) const {
    std::vector<Flow> open;
    for (const auto& [flow, side] : sides_) {
        if (flow.from != std::min(a, b) || flow.to != std::max(a, b) || side.dead || side.closing) continue;
        const auto other = sides_.find(back(flow));
        if (other != sides_.end() && !other->second.closing) open.push_back(flow);
    }
    return open;
}

void Connections::reset_side(const Flow& flow, std::vector<Packet>& resets) {
    Side& side = sides_.at(flow);
    if (side.dead) return;
    side.dead = true;
    resets.push_back(make_reset(back(flow), side.expects));
}

std::vector<Packet> Connections::reset(size_t a, size_t b, std::optional<uint64_t> pick) {
    std::vector<Packet> resets;
    if (pick) {
        const std::vector<Flow> open = open_between(a, b);
        if (open.empty()) return resets;
        const Flow& flow = open[*pick % open.size()];
        reset_side(flow, resets);
        reset_side(back(flow), resets);
        return resets;
    }
    for (const auto& [flow, side] : sides_)
        if ((flow.from == a && flow.to == b) || (flow.from == b && flow.to == a)) reset_side(flow, resets);
    return resets;
}

}  // namespace stress::wan
