// Streams between hosts: writing, flight and delivery.
#include "tests/sim/network.h"

#include <algorithm>
#include <array>

#include "base/assert.h"

namespace whim::sim {

Network::Network(World& world, std::vector<Host*> hosts)
    : world_(world), hosts_(std::move(hosts)), paths_(hosts_.size() * hosts_.size()),
      ports_(hosts_.size(), nullptr), machine_down_(hosts_.size(), false),
      closed_to_dials_(hosts_.size(), false), prng_(world.stream(0x2e7)) {}

Network::~Network() = default;

Network::Connection* Network::find(uint64_t id) {
    const auto it = connections_.find(id);
    return it == connections_.end() ? nullptr : &it->second;
}

Duration Network::delay_of(HostId from, HostId to) {
    const Path& p = path(from, to);
    return p.delay + nanoseconds(p.jitter.ns == 0 ? 0 : prng_.between(0, p.jitter.ns));
}

Port* Network::port_of(const Side& side) {
    return hosts_[side.host]->life() == side.life ? ports_[side.host] : nullptr;
}

void Network::plan_write(uint64_t id, int index) {
    Connection* c = find(id);
    if (!c) return;
    Side& side = c->sides[index];
    side.wants_write = true;
    if (side.write_planned || side.state != SideState::open) return;
    side.write_planned = true;
    world_.at(world_.now(), [this, id, index, host = side.host, life = side.life] {
        hosts_[host]->step(life, [this, id, index](Process& process, Instant local) {
            write(id, index, process.endpoint(), local);
        });
    });
}

void Network::write(uint64_t id, int index, Endpoint& endpoint, Instant local) {
    Connection* c = find(id);
    if (!c) return;
    c->sides[index].write_planned = false;
    if (together_) seal_together(c->sides[index].host, endpoint, local);
    while ((c = find(id)) && c->sides[index].state == SideState::open) {
        Side& side = c->sides[index];
        const Path& p = path(side.host, c->sides[1 - index].host);
        if (side.flight_bytes >= p.in_flight_max) return;  // delivery plans the next write
        std::array<ByteSpan, 4> pieces;
        const size_t count =
            endpoint.write_buffers(side.handle, {pieces.data(), 1 + prng_.below(pieces.size())});
        if (count == 0) {
            side.wants_write = false;
            return;
        }
        size_t room = std::min<size_t>(p.in_flight_max - side.flight_bytes, p.piece_max);
        if (p.piece_max < 4096) room = 1 + prng_.below(room);
        Segment segment;
        for (size_t i = 0; i < count && room > 0; ++i) {
            const ByteSpan piece = pieces[i].first(std::min(room, pieces[i].size()));
            segment.bytes.insert(segment.bytes.end(), piece.begin(), piece.end());
            room -= piece.size();
        }
        const size_t written = segment.bytes.size();
        push(*c, index, std::move(segment));
        endpoint.did_write(side.handle, written, local);
    }
}

void Network::push(Connection& c, int index, Segment segment) {
    Side& side = c.sides[index];
    if (side.cut) return;
    const HostId to = c.sides[1 - index].host;
    const Path& p = path(side.host, to);
    const Instant start = std::max(world_.now(), side.line_free);
    const int64_t line_ns =
        static_cast<int64_t>(segment.bytes.size()) * 1'000'000'000 / static_cast<int64_t>(p.bytes_per_second);
    side.line_free = start + nanoseconds(line_ns);
    segment.begins = start;
    segment.arrives = std::max(side.last_arrival, side.line_free + delay_of(side.host, to));
    side.last_arrival = segment.arrives;
    side.flight_bytes += segment.bytes.size();
    side.written_bytes += segment.bytes.size();
    side.flight.push_back(std::move(segment));
    plan_delivery(c, index);
}

// A system that says what it sees: round trips, what it has sent again, and that its bound of bytes in flight
// holds the sender back.
// Acknowledgements come back packet by packet, while the way back is open.
std::optional<PathSample> Network::sample(Connection& c, int index) {
    Side& side = c.sides[index];
    const HostId to = c.sides[1 - index].host;
    const bool swallows = swallowed(side.host, to);
    if (swallows || !blocked(to, side.host)) {
        uint64_t acked = side.written_bytes - std::min<uint64_t>(side.flight_bytes, side.written_bytes);
        if (swallows) acked += swallowed_bytes(side, to);
        else if (!side.flight.empty() && !blocked(side.host, to)) acked += bytes_arrived(side.flight.front());
        side.acked_bytes = std::max(side.acked_bytes, acked);
    }
    PathSample sample;
    sample.rtt_min = path(side.host, to).delay + path(to, side.host).delay;
    sample.rtt_smoothed = delay_of(side.host, to) + delay_of(to, side.host);
    sample.bytes_acked = side.acked_bytes;
    sample.bytes_retransmitted = side.sent_again_bytes;
    sample.buffer_limited = world_.now() - Instant{};
    return sample;
}

void Network::plan_delivery(Connection& c, int index) {
    Side& side = c.sides[index];
    if (side.delivery_planned || side.flight.empty()) return;
    side.delivery_planned = true;
    world_.at(side.flight.front().arrives, [this, id = c.id, index] {
        Connection* connection = find(id);
        if (!connection) return;
        connection->sides[index].delivery_planned = false;
        deliver(id, index);
    });
}

// Brings what has arrived to the other end, or finds out why it cannot be brought there.
void Network::deliver(uint64_t id, int index) {
    Connection* c = find(id);
    if (!c) return;
    Side& from = c->sides[index];
    Side& to = c->sides[1 - index];
    if (from.flight.empty()) {  // taken by a turn together
        if (from.wants_write) plan_write(id, index);
        return;
    }
    if (swallowed(from.host, to.host)) {  // its sender knows of nothing
        from.flight.front().arrives = path(from.host, to.host).swallowed_until;
        return plan_delivery(*c, index);
    }
    if (blocked(from.host, to.host)) {
        if (!from.blocked_since) {
            from.blocked_since = world_.now();
            from.sent_again_bytes += from.flight.front().bytes.size() + 1;  // as TCP does; the end, too
        }
        const Instant patience_ends = *from.blocked_since + c->patience;
        if (world_.now() >= patience_ends) {
            from.flight.clear();
            from.flight_bytes = 0;
            reset(id, index, "timed out", Duration{});
            return;
        }
        from.flight.front().arrives = std::min(path(from.host, to.host).blocked_until, patience_ends);
        plan_delivery(*c, index);
        return;
    }
    from.blocked_since.reset();
    if (to.state == SideState::dialing || to.state == SideState::unaccepted)
        return;  // its opening delivers again
    if (to.state == SideState::closed || !port_of(to)) {
        from.flight.clear();
        from.flight_bytes = 0;
        if (from.state != SideState::open) {
            to.state = SideState::closed;
            forget(id);
        } else if (machine_down_[to.host]) {
            reset(id, index, "timed out", c->patience);
        } else {
            reset(id, index, "connection reset", delay_of(to.host, from.host));
        }
        return;
    }
    from.delivery_planned = true;
    hosts_[to.host]->step(to.life, [this, id, index](Process& process, Instant local) {
        Connection* connection = find(id);
        if (!connection) return;
        connection->sides[index].delivery_planned = false;
        if (together_) {
            open_together(connection->sides[1 - index].host, process.endpoint(), local);
            connection = find(id);
        }
        while (connection && !connection->sides[index].flight.empty() &&
               connection->sides[index].flight.front().arrives <= world_.now()) {
            if (!read_head(*connection, index, process, local)) break;
            connection = find(id);
        }
        if ((connection = find(id)) == nullptr) return;
        plan_delivery(*connection, index);
        const Side& sender = connection->sides[index];
        const Path& p = path(sender.host, connection->sides[1 - index].host);
        if (sender.wants_write && sender.flight_bytes <= p.in_flight_max / 2) plan_write(id, index);
    });
}

bool Network::read_head(Connection& c, int index, Process& process, Instant local) {
    const uint64_t id = c.id;
    Side& from = c.sides[index];
    Side& to = c.sides[1 - index];
    if (to.state != SideState::open) return false;
    Segment& head = from.flight.front();
    if (head.fin) {
        from.flight.pop_front();
        to.state = SideState::closed;
        const StrandHandle handle = to.handle;
        ports_[to.host]->places_.erase(handle);
        forget(id);
        process.endpoint().closed(handle, "closed by the other side", local);
        return false;
    }
    const StrandHandle handle = to.handle;
    const size_t count = take(c, index, process.endpoint().read_buffer(handle));
    process.endpoint().did_read(handle, count, local);
    return true;
}

bool Network::has_arrived(const Side& from) const {
    return !from.flight.empty() && !from.flight.front().fin && from.flight.front().arrives <= world_.now();
}

uint64_t Network::bytes_arrived(const Segment& segment) const {
    const uint64_t size = segment.bytes.size();
    if (segment.arrives <= world_.now() || size == 0) return size - segment.read;
    const auto passed = static_cast<double>(std::max((world_.now() - segment.begins).ns, int64_t{0}));
    const auto needed = static_cast<double>((segment.arrives - segment.begins).ns);
    return static_cast<uint64_t>(static_cast<double>(size) * passed / needed);
}

uint64_t Network::swallowed_bytes(const Side& from, HostId to) {
    uint64_t bytes = 0;
    for (const Segment& segment : from.flight) {
        if (segment.begins + path(from.host, to).delay <= world_.now())
            bytes += segment.bytes.size() - segment.read;
    }
    return bytes;
}

// Some of the first segment.
size_t Network::take(Connection& c, int index, MutableByteSpan buffer) {
    WHIM_ASSERT(!buffer.empty());
    Side& from = c.sides[index];
    const HostId to = c.sides[1 - index].host;
    Segment& head = from.flight.front();
    size_t count = std::min(buffer.size(), head.bytes.size() - head.read);
    const uint32_t piece_max = path(from.host, to).piece_max;
    if (piece_max < 4096) count = std::min<size_t>(count, 1 + prng_.below(piece_max));
    std::copy_n(head.bytes.begin() + static_cast<std::ptrdiff_t>(head.read), count, buffer.begin());
    if (tap_) tap_(from.host, to, c.id * 2 + static_cast<uint64_t>(index), buffer.first(count));
    head.read += count;
    from.flight_bytes -= count;
    if (head.read == head.bytes.size()) from.flight.pop_front();
    return count;
}

void Network::reset(uint64_t id, int index, const std::string& detail, Duration delay) {
    world_.after(delay, [this, id, index, detail] {
        Connection* c = find(id);
        if (!c) return;
        Side& side = c->sides[index];
        const HostId other = c->sides[1 - index].host;
        if (blocked(other, side.host) && detail != "timed out") {
            // The packet is lost; what this side sends again is answered with another one.
            return reset(id, index, detail, path(other, side.host).blocked_until - world_.now());
        }
        side.flight.clear();
        side.flight_bytes = 0;
        if (side.state != SideState::open) return;
        hosts_[side.host]->step(side.life, [this, id, index, detail](Process& process, Instant local) {
            Connection* connection = find(id);
            if (!connection || connection->sides[index].state != SideState::open) return;
            Side& mine = connection->sides[index];
            mine.state = SideState::closed;
            const StrandHandle handle = mine.handle;
            ports_[mine.host]->places_.erase(handle);
            forget(id);
            process.endpoint().closed(handle, detail, local);
        });
    });
}

void Network::close(uint64_t id, int index) {
    Connection* c = find(id);
    if (!c) return;
    Side& side = c->sides[index];
    const bool was_open = side.state == SideState::open;
    side.state = SideState::closed;
    if (was_open && c->sides[1 - index].state != SideState::closed) {
        Segment fin;
        fin.fin = true;
        push(*c, index, std::move(fin));
    }
    forget(id);
}

void Network::forget(uint64_t id) {
    Connection* c = find(id);
    if (c && c->sides[0].state == SideState::closed && c->sides[1].state == SideState::closed)
        connections_.erase(id);
}

uint64_t Network::bytes_in_flight() const {
    uint64_t sum = 0;
    for (const auto& [id, c] : connections_) sum += c.sides[0].flight_bytes + c.sides[1].flight_bytes;
    return sum;
}

}  // namespace whim::sim
