// What seeds have reached. A sweep that never meets the rare paths proves nothing, so it counts them: in how
// many of the seeds whose plan could hit a mark it was hit, and how often; and each kind of fault the same
// way.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "engine/engine.h"
#include "tests/sim/plan.h"

namespace whim::sim {

// X(mark, must be hit in at least 1 % of the seeds that could, what it means)
#define WHIM_SIM_MARKS(X)                                                                                    \
    X(shrink_mid_op, true, "a view without an open op's member was installed")                               \
    X(double_shrink, true, "the same op shrank twice")                                                       \
    X(root_and_contributor_dead, true, "one shrink took a root of open chunks and a contributor")            \
    X(death_in_outage, true, "a peer died while no coordinator ran and ops were open")                       \
    X(listener_death, true, "a peer that was left out of an op died while it listened")                      \
    X(living_root_excluded, true, "a living member that rooted chunks was left out")                         \
    X(folded_without_living, true, "a chunk was folded without the contribution of a slow member")           \
    X(retention_used, false, "a result was kept after completion")                                           \
    X(retained_served, true, "a completed op's kept result saved an orphaned chunk")                         \
    X(new_incarnation, true, "a process that restarted became a new member")                                 \
    X(leader_change, true, "a coordinator started on a journal that peers still trained on")                 \
    X(op_paused, true, "an op waited for a coordinator to decide about a lost peer")                         \
    X(chunks_adopted, true, "an orphaned chunk came from a survivor's copy")                                 \
    X(chunks_refolded, true, "a uniform op folded anew after a death")                                       \
    X(frames_waited, true, "a frame of a newer epoch waited")                                                \
    X(listener_result, true, "a peer that was left out received results")                                    \
    X(evicted_alive, true, "a living process was evicted and told why")                                      \
    X(healed, true, "a peer without the run's state was healed")                                             \
    X(diverged, false, "a peer knew that its result differs from the run's")                                 \
    X(coordinator_died_between, false, "a coordinator died between two of its effects")                      \
    X(rounds_committed, true, "rounds committed, as peers saw it")                                           \
    X(rounds_aborted, false, "rounds aborted, as peers saw it")                                              \
    X(ops_completed, true, "ops that ended with a result")                                                   \
    X(ops_failed, false, "ops that ended without one")                                                       \
    X(link_relayed, true, "a link went on through a third member")                                           \
    X(direct_again, true, "and went back to its own path")                                                   \
    X(swallowed, true, "what a pair sent each other was acknowledged, and did not arrive")                   \
    X(circuit_refused, true, "a member that was asked to relay could not")                                   \
    X(circuit_lost, true, "a circuit ended with the link to its relay")                                      \
    X(shares_weighed, true, "an op had shares by what lines were said to carry")                             \
    X(trees, true, "an op had a plan with trees")                                                            \
    X(trees_fell, true, "and went on as the direct plan, somebody being gone")                               \
    X(packing_paid, true, "bytes of a codec that packs left over lines where a shorter payload gains time")  \
    X(packing_did_not, true, "and over lines where it gains none, as far as is known")                       \
    X(links_known, true, "the coordinator knew every link between members")                                  \
    X(lineage_lost, false, "every holder of the last committed state was gone")                              \
    X(found_unreachable, true, "a peer that the coordinator cannot dial was found to be one")                \
    X(gossip_compared, true, "what gossip came to was known and compared")                                   \
    X(gossip_lost, true, "a step of gossip went on without a neighbour")                                     \
    X(turns_together, true, "strands of one peer encrypted or decrypted at the same time")                   \
    X(policy_waits_for_few, true, "a policy of backup workers chose fewer than all members")                 \
    X(policy_after_abort, false, "and began anew since the round before had been aborted")

enum class Mark : uint8_t {
#define WHIM_X(name, floor, what) name,
    WHIM_SIM_MARKS(WHIM_X)
#undef WHIM_X
};
inline constexpr uint32_t kMarkCount = 42;
static_assert(static_cast<uint32_t>(Mark::policy_after_abort) + 1 == kMarkCount);

bool could_hit(const Plan& plan, Mark mark);

struct SeedCoverage {
    std::array<uint64_t, kMarkCount> hits{};
    std::array<uint64_t, kFaultKindCount> struck{};
    void strike(FaultKind kind) { struck[static_cast<size_t>(kind)] += 1; }
    void hit(Mark mark, uint64_t times = 1) { hits[static_cast<size_t>(mark)] += times; }
    void add(const EngineCounters& counters);
};

// Sums over seeds; plain numbers, so that worker processes share one in memory.
struct Coverage {
    uint64_t seeds = 0;
    std::array<uint64_t, kMarkCount> possible{}, seeds_hit{}, hits{};
    std::array<uint64_t, kFaultKindCount> planned{}, seeds_struck{}, struck{};
    void add(const Plan& plan, const SeedCoverage& seed);
    void add(const Coverage& other);
    std::string table() const;
    std::string missed_floors() const;  // "" when all are reached
};

}  // namespace whim::sim
