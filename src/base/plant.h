// Bugs the simulator plants to prove that its checkers bite: one per rule of the protocol. Production code
// runs with none; nothing outside tests can choose another. See docs/internals/SIMULATION.md.
#pragma once

#include <cstdint>
#include <string_view>

// X(name, the rule it breaks)
#define WHIM_PLANT_LIST(X)                                                                                   \
    X(none, "nothing")                                                                                       \
    X(fold_in_arrival_order, "rule 1: contributions are folded in birth order")                              \
    X(double_count, "rule 1: each contributor is counted once")                                              \
    X(count_the_unreported, "rule 2: who is out is not waited for, who is in is")                            \
    X(count_joiner, "rule 2: whoever is not of the birth round never folds, owns or counts")                 \
    X(resend_finished, "rule 3: no finished chunk is resent")                                                \
    X(no_retention, "rule 4: results are kept until stable")                                                 \
    X(weigh_the_absent, "rule 5: a chunk is weighed by those who contributed to it")                         \
    X(adopt_from_excluded_root, "rule 6: the exchange runs for an exclusion as for a death")                 \
    X(root_excludes_root, "rule 6: only the coordinator leaves a root out")                                  \
    X(give_up_after_completion, "rule 6: an op is given up only if no member completed it")                  \
    X(touch_failed_input, "rule 7: the input of an op without a result is as before")                        \
    X(ignore_grants, "rule 8: an unposted op takes no more than the eager quota")                            \
    X(wait_for_the_dead, "exchange: a living root waits for living members only")                            \
    X(adopt_after_report, "exchange: after the report, orphans come from the new root only")                 \
    X(decide_before_all, "exchange: the new root hears every member first")                                  \
    X(keep_own_result, "exchange: the new root passes on a result it had all along")                         \
    X(ignore_has, "exchange: a result somebody has is the result")                                           \
    X(newer_frames_do_not_wait, "exchange: frames of a newer epoch wait for its installation")               \
    X(released_contributes, "exchange: a released chunk is never folded again")                              \
    X(stale_status, "exchange: a further shrink starts the exchange over")                                   \
    X(no_freeze, "uniform: after a loss every root freezes and reports")                                     \
    X(uniform_forgets_completion, "uniform: an attempt that somebody completed is kept")                     \
    X(uniform_mix_sets, "uniform: what was folded with another set is void")                                 \
    X(encode_again, "codec: a result is passed on as it was encoded, never encoded again")                   \
    X(root_keeps_its_sums, "codec: the root, too, takes what the bytes of the result decode to")             \
    X(dither_anew, "codec: a contribution has the same bytes whenever it is encoded")                        \
    X(shares_by_own_measure, "plan: all derive shares from what the round began with")                       \
    X(gossip_lost_weight, "gossip: the weight of a neighbour that is gone goes to the peer itself")          \
    X(gossip_later_step, "gossip: a step mixes what neighbours held at that very step")                      \
    X(gossip_stale_encoding, "gossip: with a codec, differences are from what was sent for that very step")  \
    X(gossip_leaves_silently, "gossip: who ends before its last step tells its neighbours")                  \
    X(lost_part_as_it_was, "all_gather: a part that nobody has is zeros everywhere")                         \
    X(await_dead_owner, "reduce_scatter: nobody waits for the part of an owner that is gone")                \
    X(partial_counted_twice, "trees: what came in one partial sum is counted once")                          \
    X(adopt_passed_on_late, "trees: once somebody is gone, results come from roots only")                    \
    X(partials_outlive_trees, "trees: once somebody is gone, nothing that was folded before counts")         \
    X(late_contribution, "quorum: a result counts exactly those whose contributions were folded")            \
    X(quorum_below_min, "quorum: no chunk is folded by fewer than min_contributors")                         \
    X(wait_for_the_slow, "quorum: nobody waits for the contribution of the slow")                            \
    X(leave_out_late_callers, "quorum: who calls late is left out only when it holds up the others")         \
    X(spared_for_good, "quorum: who was passed over by a root contributes to the next one")                  \
    X(write_after_completion, "no buffer is touched after its op completed")                                 \
    X(commit_before_journal, "a decision is on disk before it is published")                                 \
    X(two_leaders, "only the highest fencing token is obeyed")                                               \
    X(stale_incarnation, "a removed incarnation stays removed")                                              \
    X(commit_twice, "a committed round is committed once")                                                   \
    X(acknowledged_is_heard, "relay: a path that acknowledges and delivers nothing is left")                 \
    X(no_detour, "relay: a pair whose path is cut goes on through a third member")                           \
    X(never_direct_again, "relay: a link goes back to its own path when that works")                         \
    X(circuit_outlives_link, "relay: a circuit ends with either of its links")                               \
    X(circuit_in_arrival_order, "relay: a circuit's bytes are put in order by their offsets")                \
    X(circuit_ignores_credit, "relay: an end sends no more than its other end has granted")                  \
    X(circuit_credits_its_own, "relay: both ends know the window that was agreed")                           \
    X(accept_any_answer, "an address is a peer's when that very peer answers there")

namespace whim {

enum class Plant : uint8_t {
#define WHIM_X(name, rule) name,
    WHIM_PLANT_LIST(WHIM_X)
#undef WHIM_X
};

inline constexpr Plant kPlantLast = Plant::accept_any_answer;

std::string_view plant_name(Plant plant);
std::string_view plant_rule(Plant plant);

}  // namespace whim
