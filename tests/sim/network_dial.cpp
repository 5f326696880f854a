// Dialling and accepting, and the faults of the network.
#include <algorithm>
#include <cstdlib>

#include "base/assert.h"
#include "tests/sim/network.h"

namespace whim::sim {
namespace {

constexpr Duration kDialTimeout = seconds(4);
constexpr Duration kPatienceMin = seconds(2), kPatienceMax = seconds(15);

}  // namespace

Port::Port(Network& network, Host& host) : network_(network), host_(host) {
    network_.ports_[host.id()] = this;
}

Port::~Port() {
    if (network_.ports_[host_.id()] == this) network_.ports_[host_.id()] = nullptr;
}

void Port::dial(StrandHandle strand, const Address& to) { network_.dial(*this, strand, to); }

void Port::close(StrandHandle strand) {
    const auto it = places_.find(strand);
    if (it == places_.end()) return;
    const Place place = it->second;
    places_.erase(it);
    network_.close(place.connection, place.side);
}

void Port::wants_write(StrandHandle strand) {
    const auto it = places_.find(strand);
    if (it != places_.end()) network_.plan_write(it->second.connection, it->second.side);
}

std::optional<PathSample> Port::sample(StrandHandle strand) {
    const auto it = places_.find(strand);
    Network::Connection* c = it == places_.end() ? nullptr : network_.find(it->second.connection);
    if (!c) return std::nullopt;
    return network_.sample(*c, it->second.side);
}

void Network::dial(Port& port, StrandHandle handle, const Address& to) {
    const uint64_t id = next_connection_++;
    Connection& c = connections_[id];
    c.id = id;
    c.patience = nanoseconds(prng_.between(kPatienceMin.ns, kPatienceMax.ns));
    const HostId from = port.host_.id();
    c.sides[0].host = from;
    c.sides[0].life = port.host_.life();
    c.sides[0].handle = handle;
    c.sides[0].state = SideState::dialing;
    port.places_[handle] = {id, 0};
    const uint64_t number = to.host.size() > 1 && to.host[0] == 'h'
                                ? std::strtoull(to.host.c_str() + 1, nullptr, 10)
                                : hosts_.size();
    if (to == silent_address()) return;  // until the dialler gives up
    if (number >= hosts_.size() || to.port != address_of(0).port) {
        world_.after(milliseconds(1),
                     [this, id] { fail_dial(id, DialError::unreachable, "no route to host"); });
        return;
    }
    const HostId target = static_cast<HostId>(number);
    c.sides[1].host = target;
    if (path(from, target).shut) return;
    if (blocked(from, target) || blocked(target, from) || machine_down_[target] || closed_to_dials_[target]) {
        const bool told = prng_.chance(1, 4);
        const Duration wait =
            told ? delay_of(from, target) : nanoseconds(prng_.between(kDialTimeout.ns / 2, kDialTimeout.ns));
        world_.after(wait, [this, id, told] {
            fail_dial(id, told ? DialError::unreachable : DialError::timed_out,
                      told ? "no route to host" : "no answer");
        });
        return;
    }
    world_.after(delay_of(from, target), [this, id] { arrive(id); });
}

void Network::arrive(uint64_t id) {
    Connection* c = find(id);
    if (!c) return;
    Side& dialer = c->sides[0];
    Side& listener = c->sides[1];
    if (dialer.state == SideState::closed) return forget(id);
    const Duration back = delay_of(listener.host, dialer.host);
    if (!hosts_[listener.host]->running()) {
        world_.after(back, [this, id] { fail_dial(id, DialError::refused, "connection refused"); });
        return;
    }
    listener.life = hosts_[listener.host]->life();
    listener.state = SideState::unaccepted;  // the system completes the handshake, the process comes later
    world_.after(back, [this, id] {
        Connection* connection = find(id);
        if (!connection || connection->sides[0].state != SideState::dialing) return;
        const Side& side = connection->sides[0];
        hosts_[side.host]->step(side.life, [this, id](Process& process, Instant local) {
            Connection* open = find(id);
            if (!open || open->sides[0].state != SideState::dialing) return;
            open->sides[0].state = SideState::open;
            process.endpoint().dialed(open->sides[0].handle, local);
            deliver(id, 1);
        });
    });
    accept(id);
}

void Network::accept(uint64_t id) {
    Connection* c = find(id);
    hosts_[c->sides[1].host]->step(c->sides[1].life, [this, id](Process& process, Instant local) {
        Connection* connection = find(id);
        if (!connection || connection->sides[1].state != SideState::unaccepted) return;
        const HostId dialer = connection->sides[0].host;
        const StrandHandle handle = process.endpoint().accepted(address_of(dialer), local);
        connection = find(id);
        connection->sides[1].handle = handle;
        connection->sides[1].state = SideState::open;
        ports_[connection->sides[1].host]->places_[handle] = {id, 1};
        plan_write(id, 1);
        if (connection->sides[0].state == SideState::closed) {
            reset(id, 1, "connection reset", Duration{});
        } else {
            deliver(id, 0);
        }
    });
}

void Network::fail_dial(uint64_t id, DialError error, const std::string& detail) {
    Connection* c = find(id);
    if (!c) return;
    const Side& dialer = c->sides[0];
    if (dialer.state != SideState::dialing) {
        connections_.erase(id);
        return;
    }
    hosts_[dialer.host]->step(dialer.life, [this, id, error, detail](Process& process, Instant local) {
        Connection* connection = find(id);
        if (!connection || connection->sides[0].state != SideState::dialing) return;
        const StrandHandle handle = connection->sides[0].handle;
        ports_[connection->sides[0].host]->places_.erase(handle);
        connections_.erase(id);
        process.endpoint().dial_failed(handle, error, detail, local);
    });
}

void Network::block(HostId from, HostId to, Instant until) {
    Path& p = path(from, to);
    p.blocked_until = std::max(p.blocked_until, until);
}

void Network::swallow(HostId a, HostId b, Instant until) {
    for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)}) {
        block(from, to, until);
        path(from, to).swallowed_until = std::max(path(from, to).swallowed_until, until);
    }
}

void Network::close_to_dials(HostId host) { closed_to_dials_[host] = true; }

bool Network::cut_one(HostId a, HostId b) {
    std::vector<uint64_t> between;
    for (const auto& [id, c] : connections_) {
        const bool joins =
            (c.sides[0].host == a && c.sides[1].host == b) || (c.sides[0].host == b && c.sides[1].host == a);
        if (joins && c.sides[0].state == SideState::open && c.sides[1].state == SideState::open)
            between.push_back(id);
    }
    if (between.empty()) return false;
    const uint64_t id = between[prng_.below(between.size())];
    for (const int side : {0, 1}) {
        Side& s = connections_[id].sides[side];
        s.cut = true;
        // What is in flight arrives up to somewhere in the middle, then the connection is reset on both
        // sides.
        const size_t keep = prng_.below(s.flight.size() + 1);
        s.flight.resize(keep);
        if (keep > 0 && s.flight.back().bytes.size() > s.flight.back().read + 1) {
            Segment& last = s.flight.back();
            last.bytes.resize(last.read + 1 + prng_.below(last.bytes.size() - last.read - 1));
        }
        s.flight_bytes = 0;
        for (const Segment& segment : s.flight) s.flight_bytes += segment.bytes.size() - segment.read;
        reset(id, side, "connection reset", nanoseconds(prng_.between(0, milliseconds(20).ns)));
    }
    return true;
}

void Network::cut_all(HostId host) {
    for (HostId other = 0; other < hosts_.size(); ++other) {
        while (other != host && cut_one(host, other)) {
            if (prng_.chance(1, 8)) break;  // resets come a little later, so a stream may be drawn twice
        }
    }
}

void Network::process_died(HostId host, DeathKind kind) {
    if (kind == DeathKind::machine) machine_down_[host] = true;
    std::vector<uint64_t> mine;
    for (const auto& [id, c] : connections_) {
        if (c.sides[0].host == host || c.sides[1].host == host) mine.push_back(id);
    }
    for (const uint64_t id : mine) {
        for (const int index : {0, 1}) {
            Connection* c = find(id);
            if (!c || c->sides[index].host != host || c->sides[index].state == SideState::closed) continue;
            if (c->sides[index].life != hosts_[host]->life()) continue;
            if (c->sides[index].state == SideState::unaccepted) c->sides[index].state = SideState::open;
            if (kind == DeathKind::process) {
                close(id, index);
            } else {
                c->sides[index].flight.clear();
                c->sides[index].flight_bytes = 0;
                c->sides[index].state = SideState::closed;
                forget(id);
            }
        }
    }
    ports_[host] = nullptr;
}

void Network::process_started(HostId host) { machine_down_[host] = false; }

}  // namespace whim::sim
