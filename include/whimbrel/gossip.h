/* Gossip: averaging with neighbours, without waiting for anybody else. (unstable: may change before 1.0)
 *
 * Members become alike, not equal: each ends with a result of its own. Who needs the same bytes everywhere
 * takes whim_all_reduce. What is gossiped belongs to no digest of a round, since it differs;
 * docs/explanation/gossip.md says which graph to take, what a death does to the mean, and what it costs.
 *
 * An op belongs to a round and a tag, like the collectives. A step of it averages with the neighbours of a
 * graph by Metropolis' weights, 1 / (1 + the larger of both degrees) each and the rest for the peer itself,
 * where degrees are those among all members of the round. A peer waits for its neighbours' values of a step
 * alone. A neighbour that is gone when a step begins and whose values of it are not all here leaves its
 * weight to the peer itself, in that step and all later ones: gone are those that were evicted or left, that
 * ended their part (cancelled, out of time), or that this peer left out for being slow (grace_ms). Of one
 * that ended its part the last values are not used either, as it has seldom taken that step itself.
 *
 * Thread-safety: every function may be called from any thread. None of them blocks.
 * Ownership: as of collectives: options are copied; input and output are borrowed until the op completes; in
 * == out works in place, else they do not overlap. After an op without a result, in place, what has not taken
 * all steps holds the input; an output apart from the input is unspecified.
 *
 *     whim_neighbour_options options = WHIM_NEIGHBOUR_OPTIONS_INIT;
 *     options.graph = WHIM_GRAPH_RANDOM_MATCHING;
 *     options.first_step = training_step;
 *     whim_op *op;
 *     whim_result result = whim_neighbour_average(group, x, x, n, WHIM_F32, &options, &op); */
#ifndef WHIMBREL_GOSSIP_H
#define WHIMBREL_GOSSIP_H

#include <stddef.h>
#include <stdint.h>

#include "whimbrel/collectives.h"

WHIM_BEGIN_DECLS

/* Who are neighbours, by rank in the round; docs/explanation/gossip.md compares them. */
enum whim_graph {
    WHIM_GRAPH_RING = 0,        /* the ranks before and after */
    WHIM_GRAPH_HYPERCUBE = 1,   /* ranks that differ in one bit */
    WHIM_GRAPH_EXPONENTIAL = 2, /* ranks 1, 2, 4, 8 ... further and before */
    /* One of these in turn, one partner a step: after ceil(log2 n) steps of a power of two, the exact mean.
     */
    WHIM_GRAPH_ONE_PEER_EXPONENTIAL = 3,
    WHIM_GRAPH_RANDOM_MATCHING = 4, /* one partner a step, by seed; one of an odd number sits out */
    WHIM_GRAPH_COMPLETE = 5,        /* everybody */
    WHIM_GRAPH_LISTED = 6           /* the edges that are given */
};

enum { WHIM_GOSSIP_STEPS_MAX = 64, WHIM_EDGES_MAX = 65536 };

/* Two ranks of the round, in any order. */
typedef struct whim_edge {
    uint32_t a, b;
} whim_edge;

typedef struct whim_neighbour_options {
    uint32_t struct_size;
    /* whim_graph. Default: a ring. Equal on all members, as are all options up to edges_len. */
    uint32_t graph;
    /* Tells the round's ops apart, as in whim_all_reduce_options. */
    uint64_t tag;
    /* The round the op belongs to. Default: the one whose begin completed here last. */
    uint64_t round;
    /* Steps of averaging, 1 to WHIM_GOSSIP_STEPS_MAX. Default 1. */
    uint32_t steps;
    /* 1: Chebyshev's acceleration, for several steps on a graph that stays the same: more agreement for the
     * same bytes where steps are not few for the graph. Results may lie outside the range of the inputs. */
    uint32_t chebyshev;
    /* Of random matchings. */
    uint64_t seed;
    /* Where in the sequence of a graph that changes from step to step this op begins: count it up by `steps`
     * from op to op. Any number. */
    uint64_t first_step;
    /* Of WHIM_GRAPH_LISTED: at most WHIM_EDGES_MAX; one that is there twice counts once. Copied. */
    const whim_edge* edges;
    uint32_t edges_len;
    /* whim_non_finite, of this peer's input. WHIM_NON_FINITE_EXCLUDE: it takes no part, keeps its values and
     * says so (excluded_self); its neighbours go on without. WHIM_NON_FINITE_ABORT: the op ends with
     * WHIM_E_NON_FINITE here and on all whom edges join and who have not ended it yet. */
    uint32_t non_finite;
    /* Above 0: a neighbour that keeps a step waiting for so long without a sign is left out by this peer and
     * told so; both go on without each other. One that itself waits for another gives signs, by its own
     * grace: it is equal on all members. Default: nobody is. */
    uint32_t grace_ms;
    /* Above 0: after so long the op ends, with a result: what has been mixed so far. The neighbours hear of
     * it and go on without. Default: none. whim_op_cancel ends it without a result. */
    uint32_t budget_ms;
    /* As in whim_all_reduce_options. */
    uint32_t priority;
    uint32_t share;
    /* What neighbours get of f32 elements, as in whim_all_reduce_options; no sparse one. Each step adds the
     * differences between what neighbours sent and what this peer sent itself, so the mean is kept as without
     * a codec, and members become alike up to what the codec loses of an element. Default: none. */
    const char* codec;
} whim_neighbour_options;

/* clang-format off */
#define WHIM_NEIGHBOUR_OPTIONS_INIT                                                                          \
    {sizeof(whim_neighbour_options), 0, 0, 0, 0, 0, 0, 0, NULL, 0, 0, 0, 0, 0, 0, NULL}
/* clang-format on */

/* Takes `steps` steps of averaging with the neighbours of a graph; dtype is a float. Of WHIM_F16 and
 * WHIM_BF16 each step is computed in f32 and rounded once. All members call it. A member without neighbours
 * keeps its values. A count of 0 moves nothing and waits for the neighbours. Values that steps have made and
 * the codec cannot hold end this peer's part as a budget does.
 * Results of the call: WHIM_OK; WHIM_E_INVALID (NULL, overlapping or misaligned buffers, unknown dtype or
 * graph, codec, steps, too many edges); WHIM_E_UNSUPPORTED (another dtype, a sparse codec, a codec with
 * another dtype or with WHIM_NON_FINITE_ALLOW); WHIM_E_STRUCT_SIZE. Of the op: WHIM_OK, also when neighbours
 * were lost or the budget was over: the info says what was mixed, the error's detail says it in words;
 * WHIM_E_INVALID (an edge outside the round); WHIM_E_UNSUPPORTED (Chebyshev on a graph that changes);
 * WHIM_E_MISMATCH (a neighbour called the tag otherwise: both are named, on both, and it spreads along edges;
 * or a member lacks the codec); WHIM_E_BROKEN_CONTRACT (a codec of the application); WHIM_E_NON_FINITE;
 * WHIM_E_TAG_IN_USE; WHIM_E_TOO_MANY_OPS; WHIM_E_CANCELLED; WHIM_E_EVICTED, WHIM_E_LEFT; WHIM_E_STALE_ROUND.
 */
WHIM_API WHIM_MUST_CHECK whim_result whim_neighbour_average(whim_group* group, const void* in, void* out,
                                                            size_t count, uint32_t dtype,
                                                            const whim_neighbour_options* options,
                                                            whim_op** op);

/* The partner is drawn: a random matching by seed and turn. */
#define WHIM_PARTNER_DRAWN UINT32_MAX

/* Options of whim_pair_average; each field as in whim_neighbour_options. */
typedef struct whim_pair_options {
    uint32_t struct_size;
    uint32_t non_finite;
    uint64_t tag;
    uint64_t round;
    /* Of a partner that is drawn: who count turns from the same seed meet. Equal on all members. */
    uint64_t seed;
    uint64_t turn;
    uint32_t grace_ms;
    uint32_t budget_ms;
    uint32_t priority;
    uint32_t share;
    const char* codec;
} whim_pair_options;

/* clang-format off */
#define WHIM_PAIR_OPTIONS_INIT {sizeof(whim_pair_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL}
/* clang-format on */

/* Averages with one partner; dtype is a float. Both end with the same bits, 0.5 * (a + b), and nobody else is
 * waited for. With a codec each adds half of the difference of what the two sent to its own values: both
 * then differ by what the codec lost, and the mean is kept. partner_rank is a rank of the round: both name
 * each other, nobody else calls the op, and it is known by round, tag and the two. Or WHIM_PARTNER_DRAWN:
 * then all members call it, and the one of an odd number that sits out keeps its values at once. A partner
 * that is gone, that has left this peer out or ended its part, or that is later than the budget: the op ends
 * with WHIM_OK and this peer's own values where the partner's were not there whole, and the info says so
 * (mixed is 0 when there were none at all). Results as for whim_neighbour_average; of the op WHIM_E_INVALID
 * also for a partner outside the round, this peer itself, or a tag that the two have used 2048 times in the
 * round. */
WHIM_API WHIM_MUST_CHECK whim_result whim_pair_average(whim_group* group, const void* in, void* out,
                                                       size_t count, uint32_t dtype, uint32_t partner_rank,
                                                       const whim_pair_options* options, whim_op** op);

/* How an op of gossip went; whim_op_get_info says the rest. */
typedef struct whim_gossip_info {
    uint32_t struct_size;
    uint32_t steps;      /* asked for */
    uint32_t steps_min;  /* that every element has taken: fewer when the budget was over */
    uint32_t neighbours; /* of any step */
    uint32_t mixed;      /* of those: whose values were mixed at all */
    uint32_t lost;       /* of those: gone before this peer had taken its last step; for whim_op_get_lost */
    uint32_t mixes;      /* for whim_op_get_mix */
    uint32_t reserved;   /* zero */
} whim_gossip_info;

/* clang-format off */
#define WHIM_GOSSIP_INFO_INIT {sizeof(whim_gossip_info), 0, 0, 0, 0, 0, 0, 0}
/* clang-format on */

/* Copies how it went. Does not block. Results: WHIM_OK; WHIM_E_WRONG_STATE before completion or when the op
 * is no gossip; WHIM_E_INVALID for NULL; WHIM_E_STRUCT_SIZE. */
WHIM_API whim_result whim_op_get_gossip_info(const whim_op* op, whim_gossip_info* info);

/* In step `step`, from 0, elements first to first + count - 1 were mixed with the values of the members of
 * contributor set `set` (whim_op_get_contributor_set, _contributor), which are without this peer; a set
 * without members: with nobody's. */
typedef struct whim_mix {
    uint32_t struct_size;
    uint32_t step;
    uint32_t set;
    uint32_t reserved; /* zero */
    uint64_t first, count;
} whim_mix;

/* clang-format off */
#define WHIM_MIX_INIT {sizeof(whim_mix), 0, 0, 0, 0, 0}
/* clang-format on */

/* Copies mix number `index`, of whim_gossip_info.mixes, in the order of steps, then of elements; a step that
 * some elements did not take has mixes for the others. Results as for whim_op_get_gossip_info. */
WHIM_API whim_result whim_op_get_mix(const whim_op* op, uint32_t index, whim_mix* out);

/* Copies a neighbour that was lost, in rank order; its rank is the birth rank. Results as for
 * whim_op_get_gossip_info. */
WHIM_API whim_result whim_op_get_lost(const whim_op* op, uint32_t index, whim_member* out);

WHIM_END_DECLS

#endif
