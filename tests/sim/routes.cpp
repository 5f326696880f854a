// Pairs that cannot connect: the faults that make them so, and what must hold all the same.
//
// While a third member has had working paths to both for long enough, the two reach each other and nobody
// goes because of them. When every path works again, every link is back on its own.
#include <algorithm>

#include "base/limits.h"
#include "tests/sim/simulation.h"

namespace whim::sim {
namespace {

constexpr Duration kHuntRelayEvery = milliseconds(20);
// From the last cut, or harm to a relay, until bytes pass again: the silence that shows it, the circuit, the
// handshakes inside.
constexpr Duration kReachedWithin = milliseconds(3000);
constexpr Duration kUnheardReachedWithin = kReachedWithin + limits::kDetourUnheard - limits::kDetourSilence;

}  // namespace

std::optional<HostId> Simulation::host_of(const MemberId& member) {
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (peer(h) && peer(h)->engine().self() == member) return h;
    }
    return std::nullopt;
}

std::optional<HostId> Simulation::some_relay() {
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (!peer(h)) continue;
        for (const auto& [key, stats] : peer(h)->engine().links()) {
            if (stats.via) return host_of(*stats.via);
        }
    }
    return std::nullopt;
}

void Simulation::cut_pair(const Fault& fault, Instant until) {
    if (!hosts_[fault.a]->running() || !hosts_[fault.b]->running()) return;
    coverage_.strike(fault.kind);
    const bool one_way = fault.steps == 0, swallows = fault.steps == 2;
    world_.trace(fault.a, "and {} are cut off from each other for {} ms{}", world_.host_name(fault.b),
                 (until - world_.now()).ms(),
                 one_way    ? ", one way"
                 : swallows ? ", and what they send is acknowledged"
                            : "");
    if (swallows) network_->swallow(fault.a, fault.b, until);
    else network_->block(fault.a, fault.b, until);
    if (!one_way) network_->block(fault.b, fault.a, until);
    if (swallows) coverage_.hit(Mark::swallowed);
    cuts_.push_back({fault.a, fault.b, world_.now(), until, kReachedWithin});
    const bool unheard = network_->swallowed(fault.a, fault.b);  // by this cut or by one before
    for (PairCut& cut : cuts_) {
        const bool same = (cut.a == fault.a && cut.b == fault.b) || (cut.a == fault.b && cut.b == fault.a);
        if (same && unheard) cut.reached_within = kUnheardReachedWithin;
    }
    paths_harmed_ = world_.now();
}

void Simulation::hunt_relay(const Fault& fault, uint32_t tries) {
    if (tries == 0 || calm_) return;
    const std::optional<HostId> relay = some_relay();
    if (!relay) return world_.after(kHuntRelayEvery, [this, fault, tries] { hunt_relay(fault, tries - 1); });
    const Instant until = std::min(world_.now() + fault.lasts, plan_.calm_at);
    coverage_.strike(fault.kind);
    paths_harmed_ = world_.now();
    Fault at = fault;
    at.a = *relay;
    if (fault.kind == FaultKind::kill_relay) return kill_peer(*relay, at);
    disturbed_until_[*relay] = std::max(disturbed_until_[*relay], until);
    if (fault.kind == FaultKind::freeze_relay) {
        world_.trace(*relay, "freezes while it relays");
        hosts_[*relay]->freeze();
        return world_.at(until, [this, host = *relay] {
            world_.trace(host, "thaws");
            hosts_[host]->thaw();
        });
    }
    world_.trace(*relay, "loses a strand while it relays");
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (h != *relay && prng_.chance(1, 2) && network_->cut_one(*relay, h)) return;
    }
}

// Whether some member has been well, and on working paths to both, since before the cut.
bool Simulation::way_around(const PairCut& cut) {
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (h == cut.a || h == cut.b || !peer(h) || hosts_[h]->frozen()) continue;
        const Instant since = std::max({cut.from, started_[cut.a], started_[cut.b]});
        if (started_[h] > since || disturbed_until_[h] + kRecovery >= since) continue;
        if (!control_.in_view(peer(h)->engine().self())) continue;
        const bool cut_off = std::any_of(cuts_.begin(), cuts_.end(), [&](const PairCut& other) {
            const bool touches = (other.a == h && (other.b == cut.a || other.b == cut.b)) ||
                                 (other.b == h && (other.a == cut.a || other.a == cut.b));
            return touches && other.until + kRecovery >= since;
        });
        if (!cut_off) return true;
    }
    return false;
}

bool Simulation::excused_by_cut(HostId host) {
    return std::any_of(cuts_.begin(), cuts_.end(), [&](const PairCut& cut) {
        const bool concerned = cut.a == host || cut.b == host;
        return concerned && world_.now() <= cut.until + kRecovery && !way_around(cut);
    });
}

void Simulation::watch_pairs() {
    for (const PairCut& cut : cuts_) {
        if (!peer(cut.a) || !peer(cut.b) || hosts_[cut.a]->frozen() || hosts_[cut.b]->frozen()) continue;
        const Instant since = std::max({cut.from, started_[cut.a], started_[cut.b]});
        const bool judged = world_.now() >= std::max(since, paths_harmed_) + cut.reached_within &&
                            world_.now() <= cut.until && disturbed_until_[cut.a] + kRecovery < since &&
                            disturbed_until_[cut.b] + kRecovery < since;
        if (!judged || cut.from == Instant{} || !way_around(cut)) continue;
        for (const HostId from : {cut.a, cut.b}) {
            const HostId to = from == cut.a ? cut.b : cut.a;
            const MemberId other = peer(to)->engine().self();
            for (const auto& [key, stats] : peer(from)->engine().links()) {
                const Duration silent = hosts_[from]->local() - stats.last_heard;
                if (key != other || silent < cut.reached_within) continue;
                world_.violate(
                    fmt::format("{} and {} have not reached each other for {} ms, though there is a "
                                "way around",
                                world_.host_name(from), world_.host_name(to), silent.ms()));
            }
        }
    }
}

std::string Simulation::still_relayed() {
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (!peer(h)) continue;
        for (const auto& [key, stats] : peer(h)->engine().links()) {
            const std::optional<HostId> to = host_of(key);
            if (!to || !stats.via || (h < plan_.outbound_only && *to < plan_.outbound_only)) continue;
            return fmt::format("the link from {} to {} still runs through {}", world_.host_name(h),
                               world_.host_name(*to), short_name(*stats.via));
        }
    }
    for (HostId h = 0; h < machines_.size() && plan_.outbound_only < 2; ++h) {
        const uint64_t circuits = peer(h) ? peer(h)->engine().counters().circuits_now : 0;
        if (circuits > 0)
            return fmt::format("{} still holds {} circuits, and every link has its own path",
                               world_.host_name(h), circuits);
    }
    return {};
}

}  // namespace whim::sim
