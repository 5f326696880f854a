// How each fault strikes, and the end of all faults.
#include <algorithm>

#include "tests/sim/simulation.h"

namespace whim::sim {
namespace {

constexpr uint32_t kHuntTries = 1000;
constexpr Duration kHuntEvery = milliseconds(2);

}  // namespace

void Simulation::plan_faults() {
    struck_.assign(plan_.faults.size(), false);
    for (size_t i = 0; i < plan_.faults.size(); ++i) {
        if (!plan_.faults[i].at) continue;
        world_.at(*plan_.faults[i].at, [this, i] {
            struck_[i] = true;
            strike(plan_.faults[i]);
        });
    }
}

bool Simulation::ops_open() {
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (peer(h) && peer(h)->app().ops_open()) return true;
    }
    return false;
}

void Simulation::activity() {
    if (calm_ || !ops_open()) return;
    activity_ += 1;
    for (size_t i = 0; i < plan_.faults.size(); ++i) {
        if (struck_[i] || plan_.faults[i].at || plan_.faults[i].at_activity > activity_) continue;
        struck_[i] = true;
        // An event of its own: bytes are being delivered right now, and nobody dies in the middle of a step.
        world_.at(world_.now(), [this, i] { strike(plan_.faults[i]); });
    }
}

bool Simulation::may_lose(HostId host) {
    const Round committed = control_.ledger().committed;
    if (committed == Round{}) return true;
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (h != host && machines_[h].present && machines_[h].disk.round == committed) return true;
    }
    return false;
}

void Simulation::strike(const Fault& fault) {
    if (calm_) return;
    const Instant until = std::min(world_.now() + fault.lasts, plan_.calm_at);
    const HostId others = static_cast<HostId>(hosts_.size());
    // Those that wait for an occasion, or for somebody to be there, count when they strike.
    const bool at_once = fault.kind >= FaultKind::freeze && fault.kind <= FaultKind::isolate &&
                         fault.kind != FaultKind::cut_strand;
    if ((at_once || fault.kind == FaultKind::coordinator_freeze) && hosts_[fault.a]->running())
        coverage_.strike(fault.kind);
    disturb(fault, until);
    switch (fault.kind) {
        case FaultKind::kill:
        case FaultKind::kill_machine: return kill_peer(fault.a, fault);
        case FaultKind::kill_two: kill_peer(fault.a, fault); return kill_peer(fault.b, fault);
        case FaultKind::kill_mourner: return mourners_.push_back(fault);
        case FaultKind::kill_listener: return listener_killers_.push_back(fault);
        case FaultKind::freeze:
        case FaultKind::coordinator_freeze:
            world_.trace(fault.a, "freezes");
            hosts_[fault.a]->freeze();
            return world_.at(until, [this, host = fault.a] {
                world_.trace(host, "thaws");
                hosts_[host]->thaw();
            });
        case FaultKind::slow:
            world_.trace(fault.a, "is slow");
            hosts_[fault.a]->slow_down(milliseconds(6));
            return world_.at(until, [this, host = fault.a] { hosts_[host]->slow_down(Duration{}); });
        case FaultKind::cut_strand:
            world_.trace(fault.a, "loses a strand to {}", world_.host_name(fault.b));
            if (network_->cut_one(fault.a, fault.b)) coverage_.strike(fault.kind);
            return;
        case FaultKind::cut_host: world_.trace(fault.a, "loses strands"); return network_->cut_all(fault.a);
        case FaultKind::block_both: network_->block(fault.b, fault.a, until); [[fallthrough]];
        case FaultKind::clog:
        case FaultKind::block_one_way:
            world_.trace(fault.a, "is not heard by {} for {} ms", world_.host_name(fault.b),
                         (until - world_.now()).ms());
            return network_->block(fault.a, fault.b, until);
        case FaultKind::isolate:
            world_.trace(fault.a, "is alone for {} ms", (until - world_.now()).ms());
            for (HostId h = 0; h < others; ++h) {
                if (h != fault.a) network_->block(fault.a, h, until), network_->block(h, fault.a, until);
            }
            return;
        case FaultKind::cut_pair: return cut_pair(fault, until);
        case FaultKind::kill_relay:
        case FaultKind::freeze_relay:
        case FaultKind::cut_relay: return hunt_relay(fault, kHuntTries);
        case FaultKind::coordinator_kill:
        case FaultKind::coordinator_die_between:
        case FaultKind::coordinator_takeover: return coordinator_fault(fault);
        case FaultKind::join:
            if (!hosts_[fault.a]->running()) coverage_.strike(fault.kind);
            return start_peer(fault.a);
    }
}

void Simulation::kill_peer(HostId host, const Fault& fault) {
    if (!peer(host)) return;
    if (fault.steps > 0 && fault.kind == FaultKind::kill) {
        // A few events from now, whatever they are.
        machines_[host].doom = fault;
        machines_[host].doom->steps = 0;
        return hosts_[host]->die_after_steps(fault.steps);
    }
    coverage_.strike(fault.kind);
    const bool returns = fault.returns || !may_lose(host);
    bool leader = false;
    for (HostId h = static_cast<HostId>(machines_.size()); h < hosts_.size(); ++h)
        leader |= hosts_[h]->running() && !hosts_[h]->frozen();
    if (!leader && ops_open()) coverage_.hit(Mark::death_in_outage);
    kill(host, fault.kind == FaultKind::kill_machine ? DeathKind::machine : DeathKind::process);
    machines_[host].present = returns;
    if (returns)
        world_.after(fault.lasts,
                     [this, host, keeps_disk = fault.keeps_disk] { revive_peer(host, keeps_disk); });
}

void Simulation::revive_peer(HostId host, bool keeps_disk) {
    if (hosts_[host]->running()) return;
    if (!keeps_disk && may_lose(host)) {
        machines_[host].disk = {};
        machines_[host].disk.state = AppState::initial(options_.seed);
        for (uint8_t& b : machines_[host].id.bytes) b = static_cast<uint8_t>(prng_.next());
    }
    start_peer(host);
}

void Simulation::coordinator_fault(const Fault& fault) {
    const Duration lasts = std::min(fault.lasts, plan_.calm_at - world_.now());
    Host& host = *hosts_[fault.a];
    if (!host.running()) return;
    if (fault.kind != FaultKind::coordinator_die_between) coverage_.strike(fault.kind);
    if (fault.kind == FaultKind::coordinator_takeover) {
        // The old leader is frozen or hears only some peers; the new one has a higher token on the same
        // journal.
        const HostId second = fault.a + 1;
        if (fault.steps % 2 == 0) {
            world_.trace(fault.a, "freezes");
            host.freeze();
            world_.after(lasts, [this, a = fault.a] {
                world_.trace(a, "thaws");
                hosts_[a]->thaw();
            });
        } else {
            for (HostId h = 0; h < machines_.size(); ++h) {
                if (h % 2 == 0)
                    network_->block(h, fault.a, world_.now() + lasts),
                        network_->block(fault.a, h, world_.now() + lasts);
            }
        }
        return world_.after(lasts / 4, [this, second] { start_coordinator(second); });
    }
    if (fault.kind == FaultKind::coordinator_die_between) {
        static_cast<CoordinatorProcess*>(host.process())
            ->die_after_effects(fault.steps / 2, fault.steps % 2 == 1);
    } else {
        kill(fault.a, DeathKind::process);
    }
    world_.after(lasts, [this, a = fault.a] { start_coordinator(a); });
}

void Simulation::disturb(const Fault& fault, Instant until) {
    const auto touch = [&](HostId host) { disturbed_until_[host] = std::max(disturbed_until_[host], until); };
    const bool coordinator = fault.a >= machines_.size();
    const bool both = fault.kind >= FaultKind::cut_strand && fault.kind <= FaultKind::block_both;
    if (fault.kind < FaultKind::freeze || fault.kind == FaultKind::join)
        return;  // who dies is no longer there
    if (fault.kind >= FaultKind::cut_pair && fault.kind <= FaultKind::cut_relay) return;  // see routes.cpp
    touch(fault.a);
    if (both) touch(fault.b);
    if (coordinator)
        for (HostId h = 0; h < hosts_.size(); ++h) touch(h);
}

// A member goes because of something: nobody is evicted from a flock that is well, nor a process that is,
// long after the last fault that touched it.
void Simulation::judge_removal(const wire::Removal& removal) {
    if (removal.left) return;
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (machines_[h].id != removal.member.peer || !peer(h) || hosts_[h]->frozen()) continue;
        if (peer(h)->engine().self() != removal.member) continue;
        const bool touched =
            plan_.profile != Profile::quiet && world_.now() <= disturbed_until_[h] + kRecovery;
        if (!touched && !excused_by_cut(h))
            world_.violate(fmt::format("{} was evicted without a cause: {}", short_name(removal.member),
                                       removal.reason));
    }
}

// An address is a peer's when that very peer answers there; and who can be dialled is found to be.
void Simulation::judge_admission(const group::Admission& admission) {
    const wire::MemberInfo& info = admission.info;
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (machines_[h].id != info.id.peer) continue;
        if (h < plan_.outbound_only) continue;  // says so itself
        const bool open = plan_.shut_out != h;
        if (info.outbound_only) {
            if (!open) coverage_.hit(Mark::found_unreachable);
            // Who asked may have died while it was dialled; its successor asks anew.
            const bool well = plan_.profile == Profile::quiet ||
                              world_.now() > std::max(disturbed_until_[h], killed_[h]) + kRecovery;
            if (open && well && peer(h) && !hosts_[h]->frozen())
                world_.violate(fmt::format("{} can be dialled and was not reached: {}", short_name(info.id),
                                           admission.unreached));
        } else if (!open || info.addresses.front() != Network::address_of(h)) {
            world_.violate(fmt::format("{} was admitted as reachable at {}, where it does not answer",
                                       short_name(info.id), to_string(info.addresses.front())));
        }
    }
}

void Simulation::after_view(const Bytes& record) {
    const Result<group::Entry> entry = group::decode_entry(record);
    if (!entry.ok()) return;
    if (const auto* admitted = std::get_if<group::entry::Admitted>(&*entry))
        judge_admission(admitted->admission);
    if (const auto* removed = std::get_if<group::entry::Removed>(&*entry)) judge_removal(removed->removal);
    if (calm_) return;
    if (const auto* excluded = std::get_if<group::entry::OpsExcluded>(&*entry);
        excluded && !listener_killers_.empty() && !hunting_) {
        hunting_ = true;
        hunt_listener(kHuntTries);
    }
    if (std::holds_alternative<group::entry::Removed>(*entry) && !mourners_.empty()) {
        const Fault fault = mourners_.back();
        mourners_.pop_back();
        world_.after(fault.lasts / 40,
                     [this, fault] { kill_peer(peer(fault.a) ? fault.a : fault.b, fault); });
    }
}

// Kills a peer in the middle of listening, some moment after it began.
void Simulation::hunt_listener(uint32_t tries) {
    hunting_ = tries > 0 && !calm_ && !listener_killers_.empty();
    if (!hunting_) return;
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (!peer(h) || peer(h)->engine().counters().listening == 0 || prng_.chance(1, 2)) continue;
        const Fault fault = listener_killers_.back();
        listener_killers_.pop_back();
        coverage_.hit(Mark::listener_death);
        kill_peer(h, fault);
        break;
    }
    world_.after(kHuntEvery, [this, tries] { hunt_listener(tries - 1); });
}

void Simulation::end_faults() {
    calm_ = true;
    world_.trace(kNoHost, "no fault strikes from here on");
    for (HostId h = 0; h < hosts_.size(); ++h) {
        hosts_[h]->slow_down(Duration{});
        hosts_[h]->spare();
        hosts_[h]->thaw();
        if (h >= machines_.size() && hosts_[h]->running())
            static_cast<CoordinatorProcess*>(hosts_[h]->process())->spare();
    }
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (machines_[h].present && !peer(h)) start_peer(h);
    }
    need_coordinator();
}

// Where none runs: who steps down because another leads stays away.
void Simulation::need_coordinator() {
    const bool any = std::any_of(hosts_.begin() + static_cast<std::ptrdiff_t>(machines_.size()), hosts_.end(),
                                 [](const auto& host) { return host->running(); });
    if (!any) start_coordinator(static_cast<HostId>(machines_.size()));
}

}  // namespace whim::sim
