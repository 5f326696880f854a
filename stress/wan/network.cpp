// Each queue is in order by itself; a heap of their first packets says which is next.
#include "stress/wan/network.h"

#include <algorithm>

namespace stress::wan {

Network::Network(Topology topology) : topology_(std::move(topology)), chance_(topology_.seed) {
    const size_t hosts = topology_.hosts.size();
    for (size_t i = 0; i < hosts * hosts; ++i) {
        const uint64_t seed = whim::mix64(topology_.seed * kHostsMax * kHostsMax + i);
        ways_.push_back({{}, whim::Prng(seed), whim::mix64(seed), {}});
    }
    access_.resize(hosts);
    queues_.resize(ways_.size() + hosts);
    last_due_.resize(queues_.size());
}

void Network::wait(size_t queue, Packet packet, whim::Instant due) {
    due = last_due_[queue] = std::max(due, last_due_[queue]);
    if (queues_[queue].empty()) heads_.push({due, queue});
    queues_[queue].push_back({std::move(packet), due});
}

Network::Waiting Network::take_first() {
    const size_t queue = heads_.top().queue;
    heads_.pop();
    Waiting first = std::move(queues_[queue].front());
    queues_[queue].pop_front();
    if (!queues_[queue].empty()) heads_.push({queues_[queue].front().due, queue});
    return first;
}

bool Network::is_cut(const Packet& packet) {
    if (!conditions(packet).cut) return false;
    way(packet).counters.dropped_by_cut += packet.segments();
    return true;
}

void Network::on_packet(Packet packet, whim::Instant now) {
    Counters& counters = way(packet).counters;
    counters.packets += packet.segments();
    counters.bytes += packet.wire_bytes();
    if (is_cut(packet)) return;
    if (packet.tcp) {
        Connections::Answer answer = connections_.on_packet(packet);
        // At once: what its sender said cannot have changed what it waits for.
        if (answer.reset) wait(queue_before(packet.from), std::move(*answer.reset), now);
        if (!answer.pass) return;
    }
    put_on_the_way(packet, now);
}

void Network::put_on_the_way(const Packet& packet, whim::Instant now) {
    const Conditions& is = conditions(packet);
    Way& to = way(packet);
    const auto pass = [&](uint32_t bytes) -> std::optional<whim::Instant> {
        auto at = access_[packet.from].up.admit(topology_.hosts[packet.from].up, now, bytes);
        if (at) at = to.line.admit(is.line, *at, bytes);
        if (!at) return ++to.counters.dropped_by_queue, std::nullopt;
        if (is_lost(is.loss, to.chance)) return ++to.counters.dropped_by_loss, std::nullopt;
        return at;
    };
    split_into_runs(packet, pass, runs_);
    for (const Run& run : runs_)
        wait(index(packet.from, packet.to), slice(packet, run.first, run.end),
             run.through + is.delay + jitter_at(is.jitter, to.jitter_seed, run.through));
}

void Network::put_before_host(const Packet& packet, whim::Instant at) {
    const auto pass = [&](uint32_t bytes) {
        const auto through = access_[packet.to].down.admit(topology_.hosts[packet.to].down, at, bytes);
        if (!through) ++way(packet).counters.dropped_by_queue;
        return through;
    };
    split_into_runs(packet, pass, runs_);
    for (const Run& run : runs_)
        wait(queue_before(packet.to), slice(packet, run.first, run.end), run.through);
}

std::optional<Packet> Network::arrival(whim::Instant now) {
    while (!heads_.empty() && heads_.top().due <= now) {
        const bool at_host = heads_.top().queue >= ways_.size();
        Waiting first = take_first();
        if (is_cut(first.packet)) continue;
        if (!at_host) {
            put_before_host(first.packet, first.due);
            continue;
        }
        lateness_max_ = std::max(lateness_max_, now - first.due);
        Counters& counters = way(first.packet).counters;
        counters.delivered_packets += first.packet.segments();
        counters.delivered_bytes += first.packet.wire_bytes();
        return std::move(first.packet);
    }
    return std::nullopt;
}

std::optional<whim::Instant> Network::deadline() const {
    if (heads_.empty()) return std::nullopt;
    return heads_.top().due;
}

size_t Network::reset(size_t a, size_t b, Which which, whim::Instant now) {
    const auto pick = which == Which::one ? std::optional(chance_.next()) : std::nullopt;
    std::vector<Packet> resets = connections_.reset(a, b, pick);
    for (Packet& each : resets) wait(queue_before(each.to), std::move(each), now);
    return (resets.size() + 1) / 2;
}

void Network::clear_counters() {
    for (Way& each : ways_) each.counters = {};
    lateness_max_ = {};
}

}  // namespace stress::wan
