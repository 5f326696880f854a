// Counting marks and holding them against their floors.
#include "tests/sim/coverage.h"

#include <fmt/format.h>

#include <algorithm>

namespace whim::sim {
namespace {

struct MarkText {
    const char* name;
    bool floor;
    const char* what;
};

constexpr MarkText kMarks[] = {
#define WHIM_X(name, floor, what) {#name, floor, what},
    WHIM_SIM_MARKS(WHIM_X)
#undef WHIM_X
};

struct FaultText {
    const char* name;
    const char* what;
};

constexpr FaultText kFaults[] = {
#define WHIM_X(name, what) {#name, what},
    WHIM_SIM_FAULTS(WHIM_X)
#undef WHIM_X
};

}  // namespace

bool could_hit(const Plan& plan, Mark mark) {
    const bool excludes = plan.style.grace > 0 || plan.style.cancel > 0 || plan.style.budget > 0;
    const bool outage = plan.has(FaultKind::coordinator_kill) || plan.has(FaultKind::coordinator_die_between);
    switch (mark) {
        case Mark::shrink_mid_op:
        case Mark::chunks_adopted:
        case Mark::chunks_refolded:
        case Mark::frames_waited:
        case Mark::retained_served: return plan.has_deaths();
        case Mark::double_shrink:
        case Mark::root_and_contributor_dead: return plan.deaths() > 1;
        case Mark::death_in_outage:
        case Mark::op_paused: return outage && plan.has_deaths();
        case Mark::listener_death: return plan.has(FaultKind::kill_listener);
        case Mark::living_root_excluded:
        case Mark::listener_result: return excludes;
        case Mark::new_incarnation: return plan.profile == Profile::restart || plan.profile == Profile::churn;
        case Mark::leader_change: return outage || plan.has(FaultKind::coordinator_takeover);
        case Mark::evicted_alive:
            return plan.profile == Profile::freeze || plan.profile == Profile::partition;
        case Mark::healed: return plan.profile == Profile::restart || plan.has(FaultKind::join);
        case Mark::folded_without_living: return plan.crawler.has_value();
        case Mark::shares_weighed: return plan.claims_paces && plan.peers > 2;
        case Mark::packing_paid: return plan.claims_paces;
        case Mark::packing_did_not: return !plan.claims_paces;
        case Mark::trees: return plan.peers > 2;
        case Mark::trees_fell: return plan.peers > 2 && plan.has_deaths();
        case Mark::found_unreachable: return plan.shut_out.has_value();
        case Mark::coordinator_died_between: return plan.has(FaultKind::coordinator_die_between);
        case Mark::link_relayed: return plan.profile == Profile::relay;
        case Mark::direct_again: return plan.has(FaultKind::cut_pair);
        case Mark::swallowed:
            return std::any_of(plan.faults.begin(), plan.faults.end(),
                               [](const Fault& f) { return f.kind == FaultKind::cut_pair && f.steps == 2; });
        case Mark::circuit_refused:
            return plan.has(FaultKind::freeze_relay) || plan.has(FaultKind::kill_relay);
        case Mark::circuit_lost: return plan.has(FaultKind::cut_relay) || plan.has(FaultKind::kill_relay);
        case Mark::gossip_lost: return plan.has_deaths();
        case Mark::turns_together: return plan.shared_bytes_min > 0;
        case Mark::policy_waits_for_few:
        case Mark::policy_after_abort: return plan.style.backup_workers > 0;
        case Mark::gossip_compared:
        case Mark::retention_used:
        case Mark::diverged:
        case Mark::rounds_committed:
        case Mark::rounds_aborted:
        case Mark::ops_completed:
        case Mark::ops_failed:
        case Mark::links_known:
        case Mark::lineage_lost: return true;
    }
    return false;
}

void SeedCoverage::add(const EngineCounters& c) {
    hit(Mark::shrink_mid_op, c.shrinks_mid_op);
    hit(Mark::double_shrink, c.double_shrinks);
    hit(Mark::root_and_contributor_dead, c.root_and_contributor_dead);
    hit(Mark::living_root_excluded, c.exclusions_of_living_root);
    hit(Mark::listener_result, c.listener_results);
    hit(Mark::chunks_adopted, c.chunks_adopted);
    hit(Mark::chunks_refolded, c.chunks_refolded);
    hit(Mark::retention_used, c.retention_used);
    hit(Mark::retained_served, c.retained_served);
    hit(Mark::folded_without_living, c.folded_without_living);
    hit(Mark::op_paused, c.ops_paused);
    hit(Mark::frames_waited, c.frames_waited);
    hit(Mark::ops_completed, c.ops_completed);
    hit(Mark::shares_weighed, c.ops_weighed);
    hit(Mark::packing_paid, c.packing_paid);
    hit(Mark::packing_did_not, c.packing_did_not);
    hit(Mark::trees, c.ops_with_trees);
    hit(Mark::trees_fell, c.trees_fallen);
    hit(Mark::ops_failed, c.ops_failed);
    hit(Mark::link_relayed, c.links_relayed);
    hit(Mark::direct_again, c.links_direct_again);
    hit(Mark::circuit_refused, c.circuits_refused);
    hit(Mark::circuit_lost, c.circuits_lost);
}

void Coverage::add(const Plan& plan, const SeedCoverage& seed) {
    seeds += 1;
    for (uint32_t m = 0; m < kMarkCount; ++m) {
        const bool could = could_hit(plan, static_cast<Mark>(m));
        possible[m] += could;
        seeds_hit[m] += could && seed.hits[m] > 0;
        hits[m] += seed.hits[m];
    }
    for (uint32_t f = 0; f < kFaultKindCount; ++f) {
        const bool has = plan.has(static_cast<FaultKind>(f));
        planned[f] += has;
        seeds_struck[f] += has && seed.struck[f] > 0;
        struck[f] += seed.struck[f];
    }
}

void Coverage::add(const Coverage& other) {
    seeds += other.seeds;
    for (uint32_t m = 0; m < kMarkCount; ++m) {
        possible[m] += other.possible[m];
        seeds_hit[m] += other.seeds_hit[m];
        hits[m] += other.hits[m];
    }
    for (uint32_t f = 0; f < kFaultKindCount; ++f) {
        planned[f] += other.planned[f];
        seeds_struck[f] += other.seeds_struck[f];
        struck[f] += other.struck[f];
    }
}

std::string Coverage::table() const {
    const auto line = [](const char* name, uint64_t hit, uint64_t of, uint64_t times, const char* what) {
        const double share = of == 0 ? 0.0 : 100.0 * static_cast<double>(hit) / static_cast<double>(of);
        return fmt::format("{:<26} {:>9} {:>9} {:>6.1f} % {:>10}  {}\n", name, hit, of, share, times, what);
    };
    std::string text =
        fmt::format("{:<26} {:>9} {:>9} {:>8} {:>10}\n", "mark", "seeds hit", "possible", "share", "times");
    for (uint32_t m = 0; m < kMarkCount; ++m)
        text += line(kMarks[m].name, seeds_hit[m], possible[m], hits[m], kMarks[m].what);
    text +=
        fmt::format("{:<26} {:>9} {:>9} {:>8} {:>10}\n", "fault", "struck in", "planned", "share", "times");
    for (uint32_t f = 0; f < kFaultKindCount; ++f)
        text += line(kFaults[f].name, seeds_struck[f], planned[f], struck[f], kFaults[f].what);
    return text;
}

std::string Coverage::missed_floors() const {
    std::string text;
    const auto missed = [&](const char* name, uint64_t hit, uint64_t of) {
        text += fmt::format("{}{} in {} of {} seeds", text.empty() ? "" : ", ", name, hit, of);
    };
    for (uint32_t m = 0; m < kMarkCount; ++m) {
        const bool reached = possible[m] > 0 && seeds_hit[m] * 100 >= possible[m];
        if (kMarks[m].floor && !reached) missed(kMarks[m].name, seeds_hit[m], possible[m]);
    }
    for (uint32_t f = 0; f < kFaultKindCount; ++f) {
        const bool reached = planned[f] > 0 && seeds_struck[f] * 100 >= planned[f];
        if (!reached) missed(kFaults[f].name, seeds_struck[f], planned[f]);
    }
    return text;
}

}  // namespace whim::sim
