// Loads are summed once over all edges; the rest is a maximum.
#include "collectives/plan/cost.h"

#include <algorithm>

#include "base/limits.h"

namespace whim::plan {
namespace {

constexpr double kHopSeconds = 50e-6;  // for a message to be noticed, folded and written

double part_of_all(const Part& part) { return static_cast<double>(part.share) / kShares; }

class Adder {
public:
    explicit Adder(const Plan& plan) : plan_(plan), n_(plan.members) {
        for (auto* list : {&loads_.sent, &loads_.received, &loads_.folded, &loads_.encoded, &loads_.decoded})
            list->resize(n_);
        if (n_ <= limits::kPlanPackMembersMax) loads_.pair.resize(size_t{n_} * n_);
    }

    void add(const Part& part) {
        const double x = part_of_all(part);
        loads_.encoded[part.root] += x;
        loads_.decoded[part.root] += x;
        if (part.shape == Shape::star && loads_.pair.empty()) return add_star(part.root, x);
        for_each_edge(plan_, part, [&](Phase phase, Member from, Member to) {
            const Relay* relay = plan_.relays.empty() ? nullptr : relay_of(plan_, from, to);
            if (relay == nullptr) {
                leg(from, to, x);
            } else {
                leg(from, relay->via, x);
                leg(relay->via, to, x);
            }
            if (phase == Phase::reduce) {
                loads_.folded[to] += x;
                loads_.encoded[from] += x;
            } else {
                loads_.decoded[to] += x;
            }
        });
    }

    Loads take() {
        for (auto* list : {&loads_.sent, &loads_.received, &loads_.encoded, &loads_.decoded})
            for (double& load : *list) load += of_all_;
        return std::move(loads_);
    }

private:
    // Everybody sends and receives once, the root as often as there are others.
    void add_star(Member root, double x) {
        of_all_ += x;
        const double others = x * (n_ - 1);
        loads_.sent[root] += others - x;
        loads_.received[root] += others - x;
        loads_.folded[root] += others;
        loads_.encoded[root] -= x;
        loads_.decoded[root] -= x;
        for (const Relay& relay : plan_.relays) {
            if (relay.a != root && relay.b != root) continue;
            loads_.sent[relay.via] += 2 * x;
            loads_.received[relay.via] += 2 * x;
        }
    }

    void leg(Member from, Member to, double x) {
        loads_.sent[from] += x;
        loads_.received[to] += x;
        if (!loads_.pair.empty()) loads_.pair[from * size_t{n_} + to] += x;
    }

    const Plan& plan_;
    const uint32_t n_;
    Loads loads_;
    double of_all_ = 0;  // of stars in large plans: what everybody does alike
};

// Seconds that each edge is kept busy by the whole plan: by the busier of the two lines at its ends, or by
// its path.
class Busy {
public:
    Busy(const Plan& plan, const Net& net, const Loads& loads, double bytes)
        : n_(plan.members), net_(net), loads_(loads), bytes_(bytes) {
        for (uint32_t v = 0; v < n_; ++v) {
            up_.push_back(loads.sent[v] * bytes * net.up_s(v));
            down_.push_back(loads.received[v] * bytes * net.down_s(v));
        }
    }
    double up(uint32_t v) const { return up_[v]; }
    double down(uint32_t v) const { return down_[v]; }
    double edge(uint32_t from, uint32_t to) const {
        const double lines = std::max(up_[from], down_[to]);
        if (loads_.pair.empty()) return lines;
        const double load = loads_.pair[from * n_ + to];
        return load > 0 ? std::max(lines, load * bytes_ * net_.pair_s(from, to)) : lines;
    }

private:
    const size_t n_;
    const Net& net_;
    const Loads& loads_;
    const double bytes_;
    std::vector<double> up_, down_;
};

// The ways from leaves to a node: the longest, and the longest that includes waiting for one of its edges.
struct Ways {
    double free_s = 0, busy_s = 0;
    void join(const Ways& other) {
        free_s = std::max(free_s, other.free_s);
        busy_s = std::max(busy_s, other.busy_s);
    }
    Ways over(double delay_s, double edge_s) const {
        return {free_s + delay_s, std::max(busy_s, free_s + edge_s) + delay_s};
    }
    // One way in and one way out, of which one waits.
    double through(const Ways& out) const { return std::max(busy_s + out.free_s, free_s + out.busy_s); }
};

class Hops {
public:
    Hops(const Plan& plan, const Net& net, const Work& work, const Busy& busy)
        : plan_(plan), net_(net), work_(work), busy_(busy),
          exact_(plan.members <= limits::kPlanPackMembersMax), relayed_(plan.members) {
        for (const Relay& relay : plan.relays) relayed_[relay.a] = relayed_[relay.b] = 1;
    }

    double seconds_of(const Part& part) const {
        const double piece =
            static_cast<double>(work_.on_wire()) * part_of_all(part) / pieces_of(part, work_);
        if (part.shape == Shape::ring) return of_ring(part);
        return ways_of(part, Phase::reduce, piece).through(ways_of(part, Phase::broadcast, piece));
    }

private:
    const Relay* relay(Member a, Member b) const {
        return plan_.relays.empty() ? nullptr : relay_of(plan_, a, b);
    }

    // As the first of the two measured it.
    double delay(Member a, Member b) const {
        if (const Relay* r = relay(a, b))
            return net_.delay_s(a, r->via) + net_.delay_s(r->via, b) + 2 * kHopSeconds;
        return net_.delay_s(a, b) + kHopSeconds;
    }
    double busy(Member from, Member to) const {
        if (const Relay* r = relay(from, to))
            return std::max(busy_.edge(from, r->via), busy_.edge(r->via, to));
        return busy_.edge(from, to);
    }
    double send(Member from, Member to, double bytes) const {
        const double lines = std::max(net_.up_s(from), net_.down_s(to));
        return bytes * (exact_ ? std::max(lines, net_.pair_s(from, to)) : lines);
    }

    // All edges work on some part all the time, so that passing on costs no more than the delays.
    double of_ring(const Part& part) const {
        Ways ways;
        for_each_edge(plan_, part, [&](Phase, Member from, Member to) {
            ways = ways.over(delay(from, to), busy(from, to));
        });
        return ways.busy_s;
    }

    Ways ways_of(const Part& part, Phase phase, double piece) const {
        Ways all;
        if (part.shape == Shape::star) {
            for (uint32_t v = 0; v < plan_.members; ++v)
                if (v != part.root) all.join(step({}, phase, static_cast<Member>(v), part.root, 0));
            return all;
        }
        const std::vector<Member>& parents =
            plan_.tables[phase == Phase::reduce ? part.reduce : part.broadcast];
        std::vector<Ways> known(plan_.members);
        std::vector<bool> is_known(plan_.members);
        std::vector<Member> path;
        is_known[part.root] = true;
        for (uint32_t v = 0; v < plan_.members; ++v) {
            Member at = static_cast<Member>(v);
            for (path.clear(); !is_known[at]; at = parents[at]) path.push_back(at);
            for (auto it = path.rbegin(); it != path.rend(); ++it) {
                // One piece is stored at each node between, before it goes on.
                const bool passes_on = parents[*it] != part.root;
                known[*it] = step(known[parents[*it]], phase, *it, parents[*it], passes_on ? piece : 0);
                is_known[*it] = true;
            }
            all.join(known[v]);
        }
        return all;
    }

    Ways step(const Ways& before, Phase phase, Member child, Member parent, double piece) const {
        const Member from = phase == Phase::reduce ? child : parent,
                     to = phase == Phase::reduce ? parent : child;
        return before.over(delay(parent, child) + (piece > 0 ? send(from, to, piece) : 0), busy(from, to));
    }

    const Plan& plan_;
    const Net& net_;
    const Work& work_;
    const Busy& busy_;
    const bool exact_;
    std::vector<uint8_t> relayed_;  // members with some pair that is
};

void raise(Forecast& to, double seconds, Limit limit, uint32_t at, uint32_t other = 0) {
    if (seconds <= to.transfer_s) return;
    to.transfer_s = seconds;
    to.limit = limit;
    to.at = static_cast<Member>(at);
    to.to = static_cast<Member>(other);
}

void raise_pairs(Forecast& out, const Plan& plan, const Net& net, const Loads& loads, double bytes) {
    const uint32_t n = plan.members;
    if (!loads.pair.empty()) {
        for (uint32_t a = 0; a < n; ++a)
            for (uint32_t b = 0; b < n; ++b)
                if (const double load = loads.pair[a * size_t{n} + b]; load > 0)
                    raise(out, load * bytes * net.pair_s(a, b), Limit::pair, a, b);
        return;
    }
    const std::vector<uint32_t> shares = root_shares(plan);
    for (const Part& part : plan.parts) {
        if (part.shape == Shape::star) continue;
        const double x = part_of_all(part);
        for_each_edge(plan, part, [&](Phase, Member from, Member to) {
            raise(out, x * bytes * net.pair_s(from, to), Limit::pair, from, to);
        });
    }
    if (plan.parts[0].shape != Shape::star) return;
    for (uint32_t a = 0; a < n; ++a)
        for (uint32_t b = 0; b < n; ++b) {
            if (a == b) continue;
            const double x = (static_cast<double>(shares[a]) + static_cast<double>(shares[b])) / kShares;
            raise(out, x * bytes * net.pair_s(a, b), Limit::pair, a, b);
        }
}

}  // namespace

uint32_t pieces_of(const Part& part, const Work& work) {
    const double bytes = static_cast<double>(work.on_wire()) * part_of_all(part);
    return static_cast<uint32_t>(std::clamp<double>(bytes / limits::kChunkBytesPipelined, 1, kPiecesMax));
}

Loads loads_of(const Plan& plan) {
    Adder adder(plan);
    for (const Part& part : plan.parts) adder.add(part);
    return adder.take();
}

Forecast forecast(const Plan& plan, const Net& net, const Work& work) {
    Forecast out;
    if (plan.members < 2) return out;
    const Loads loads = loads_of(plan);
    const double bytes = static_cast<double>(work.on_wire()), raw = static_cast<double>(work.bytes) * 1e-12;
    const Busy busy(plan, net, loads, bytes);
    for (uint32_t v = 0; v < plan.members; ++v) {
        raise(out, busy.up(v), Limit::up, v);
        raise(out, busy.down(v), Limit::down, v);
        const double cpu = loads.folded[v] * work.fold_ps + loads.encoded[v] * work.encode_ps +
                           loads.decoded[v] * work.decode_ps;
        raise(out, cpu * raw, Limit::cpu, v);
    }
    if (net.pairs_matter()) raise_pairs(out, plan, net, loads, bytes);
    const Hops hops(plan, net, work, busy);
    out.seconds = out.transfer_s;  // of a processor, which no way leads over
    for (const Part& part : plan.parts) out.seconds = std::max(out.seconds, hops.seconds_of(part));
    out.latency_s = out.seconds - out.transfer_s;
    return out;
}

}  // namespace whim::plan
