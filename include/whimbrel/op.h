/* Ops: things that have been started and complete once. Joining, rounds and collectives all give one.
 *
 * An op is born by the call that starts it and completes exactly once, with a result. It may be polled,
 * waited for, watched by a callback and cancelled, in any combination. A wait that times out changes nothing:
 * the op runs on. Buffers given to the starting call are borrowed until the op has completed. When a start
 * fails there is no op, and no callback is made.
 *
 * Thread-safety: every function may be called from any thread, also at the same time for one op; only
 * whim_op_release must come last. Ownership: the handle is yours until whim_op_release, also after the group
 * is gone. An op may be released at any time: when it still runs it goes on unseen, and keeps its buffers.
 *
 *     whim_op *op;
 *     if (whim_all_reduce(group, x, x, n, WHIM_F32, WHIM_AVG, NULL, &op) == WHIM_OK) {
 *         whim_result result = whim_op_wait(op, 60000);
 *         if (result == WHIM_IN_PROGRESS) {  // x is still borrowed: give up, and wait until it is not
 *             whim_op_cancel(op);
 *             result = whim_op_wait(op, 60000);
 *         }
 *         whim_op_release(op);
 *     } */
#ifndef WHIMBREL_OP_H
#define WHIMBREL_OP_H

#include <stddef.h>
#include <stdint.h>

#include "whimbrel/member.h"
#include "whimbrel/status.h"

WHIM_BEGIN_DECLS

typedef struct whim_op whim_op;

/* Made once for each op that was given one, by the group's callback thread, with no lock held, one at a time
 * for each group. Be brief. Starting and querying are fine inside; waiting and destroying the group are
 * refused with WHIM_E_WOULD_DEADLOCK. The handle is valid inside even when its owner has released it. */
typedef void (*whim_op_fn)(whim_op* op, void* user);

/* The op's result when it has completed, WHIM_IN_PROGRESS before. Does not block. WHIM_E_INVALID for NULL. */
WHIM_API WHIM_MUST_CHECK whim_result whim_op_poll(const whim_op* op);

/* Waits until the op completes, at most timeout_ms milliseconds (0: as whim_op_poll; every wait has an end).
 * Results: the op's result; WHIM_IN_PROGRESS when time is up; WHIM_E_INTERRUPTED after whim_group_interrupt
 * (the op runs on); WHIM_E_WOULD_DEADLOCK inside a callback while it runs; WHIM_E_INVALID for NULL. */
WHIM_API WHIM_MUST_CHECK whim_result whim_op_wait(whim_op* op, uint32_t timeout_ms);

/* Waits until one of `count` ops of the same group has completed, and writes the lowest such index. NULL
 * entries are skipped. Results: WHIM_OK (the op's own result: whim_op_poll); WHIM_IN_PROGRESS,
 * WHIM_E_INTERRUPTED and WHIM_E_WOULD_DEADLOCK as whim_op_wait; WHIM_E_INVALID when there is no op at all,
 * index is NULL, or the ops belong to different groups. */
WHIM_API WHIM_MUST_CHECK whim_result whim_op_wait_any(whim_op* const* ops, size_t count, uint32_t timeout_ms,
                                                      size_t* index);

/* Has fn called once when the op completes; soon, when it already has. At most one per op. Does not block.
 * Results: WHIM_OK; WHIM_E_INVALID when op or fn is NULL; WHIM_E_WRONG_STATE when it has a callback already
 * or the group is being destroyed (then fn is not called). */
WHIM_API whim_result whim_op_on_complete(whim_op* op, whim_op_fn fn, void* user);

/* Gives up this peer's own part: the op completes here with WHIM_E_CANCELLED as soon as its buffers are free,
 * and goes on among the others, which count this peer as excluded where its contribution had not arrived. Of
 * other ops only whim_round_begin can be cancelled; the rest run on. Does not block. WHIM_OK also when it has
 * completed already (its result stays). WHIM_E_INVALID for NULL. */
WHIM_API whim_result whim_op_cancel(whim_op* op);

/* Gives the handle back. Never blocks; NULL is fine. An op that still runs goes on, and its buffers stay
 * borrowed until it completes: cancel and wait first, or keep them alive until its callback. */
WHIM_API void whim_op_release(whim_op* op);

/* Copies the op's result and its detail. WHIM_OK; the error's result is WHIM_IN_PROGRESS before completion.
 * WHIM_E_INVALID for NULL, WHIM_E_STRUCT_SIZE. Does not block. */
WHIM_API whim_result whim_op_error(const whim_op* op, whim_error* error);

/* Writes what the op waits for, for example "round 12 waits for eu-2 (3f9a01bc#4), silent for 31 s"; "" when
 * it has completed. Cut to text_size, which includes the NUL. Asks the I/O thread, so it takes microseconds.
 * Results: WHIM_OK; WHIM_E_INVALID when op or text is NULL or text_size is 0. */
WHIM_API whim_result whim_op_waiting_for(const whim_op* op, char* text, size_t text_size);

enum whim_op_kind {
    WHIM_OP_JOIN = 0,
    WHIM_OP_LEAVE = 1,
    WHIM_OP_ROUND_BEGIN = 2,
    WHIM_OP_ROUND_COMMIT = 3,
    WHIM_OP_ROUND_RECORD = 4,
    WHIM_OP_ALL_REDUCE = 5,
    WHIM_OP_BROADCAST = 6,
    WHIM_OP_BARRIER = 7,
    WHIM_OP_AGREE = 8,
    WHIM_OP_ALL_GATHER = 9,
    WHIM_OP_REDUCE_SCATTER = 10,
    WHIM_OP_NEIGHBOUR_AVERAGE = 11,
    WHIM_OP_PAIR_AVERAGE = 12
};

/* How a collective went. For other kinds everything but kind, result and elapsed_ns is zero. */
typedef struct whim_op_info {
    uint32_t struct_size;
    uint32_t kind;          /* whim_op_kind */
    whim_result result;     /* WHIM_IN_PROGRESS: the rest is not known yet */
    uint32_t excluded_self; /* 1: this peer's contribution may be missing; the result is exact all the same */
    uint64_t round, tag;    /* where the op was born, and its tag */
    uint32_t instance;      /* which use of the tag in that round */
    uint32_t contributor_sets; /* for whim_op_get_contributor_set */
    uint64_t epoch;            /* installed when it completed */
    uint32_t birth_members;    /* members of the round it was born in */
    uint32_t gone_members;     /* of those: evicted or excluded before it completed */
    uint64_t elapsed_ns;       /* from the call to the completion */
    uint64_t bytes_sent;       /* payload */
    uint64_t bytes_received;
    uint32_t chunks;
    uint32_t chunks_final;      /* in place, without a result: so many hold results, the others your input */
    uint32_t chunks_resent;     /* finished, and sent again to somebody who had them: 0 */
    uint32_t chunks_refolded;   /* of uniform ops: folded again with a smaller contributor set */
    uint32_t chunks_adopted;    /* orphaned by a death and recovered from a survivor's copy */
    uint32_t partial_from_gone; /* members now gone of whose contribution some had arrived here, or all */
    uint32_t contributor_runs;  /* for whim_op_get_contributor_run */
    uint32_t reserved;          /* zero */
    const char* plan;           /* "direct", "ring", "two-level" or "forest"; static; NULL until it has
                                 * completed */
} whim_op_info;

/* clang-format off */
#define WHIM_OP_INFO_INIT \
    {sizeof(whim_op_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL}
/* clang-format on */

/* Copies how the op went. Does not block. WHIM_OK; WHIM_E_INVALID for NULL; WHIM_E_STRUCT_SIZE. */
WHIM_API whim_result whim_op_get_info(const whim_op* op, whim_op_info* info);

/* One set of contributors, and how much of the result was made from exactly these. A uniform op has one set;
 * otherwise a death in the middle splits the result into parts with and without the dead. Of gossip: whose
 * values steps mixed, without this peer (whim_op_get_mix); elements is then 0. */
typedef struct whim_contributor_set {
    uint32_t struct_size;
    uint32_t members; /* for whim_op_get_contributor */
    uint64_t elements;
} whim_contributor_set;

/* clang-format off */
#define WHIM_CONTRIBUTOR_SET_INIT {sizeof(whim_contributor_set), 0, 0}
/* clang-format on */

/* Copies set number `set`. Does not block. Results: WHIM_OK; WHIM_E_WRONG_STATE before completion or when the
 * op is no collective; WHIM_E_INVALID for NULL or a set that does not exist; WHIM_E_STRUCT_SIZE. */
WHIM_API whim_result whim_op_get_contributor_set(const whim_op* op, uint32_t set, whim_contributor_set* out);

/* Copies a member of a set, in birth rank order; its rank is the birth rank. Results as for the set. */
WHIM_API whim_result whim_op_get_contributor(const whim_op* op, uint32_t set, uint32_t index,
                                             whim_member* out);

/* Which part of the result has which set: elements first to first + count - 1. The runs follow each other and
 * cover all elements; an op without elements has none, and neither has gossip. Neighbouring runs have
 * different sets. */
typedef struct whim_contributor_run {
    uint32_t struct_size;
    uint32_t set;
    uint64_t first, count;
} whim_contributor_run;

/* clang-format off */
#define WHIM_CONTRIBUTOR_RUN_INIT {sizeof(whim_contributor_run), 0, 0, 0}
/* clang-format on */

/* Copies run number `index`, of whim_op_info.contributor_runs. Results as for the set. */
WHIM_API whim_result whim_op_get_contributor_run(const whim_op* op, uint32_t index,
                                                 whim_contributor_run* out);

/* Copies a member that was evicted or excluded before the op completed. Results as for the set. */
WHIM_API whim_result whim_op_get_gone(const whim_op* op, uint32_t index, whim_member* out);

/* Copies when contributions came, in ns from the call of the op, by birth rank: ns has room for ns_len
 * entries, at least the op's birth_members. A root, that is a member that makes a part of the result, sees
 * those to its own part; its own is there at once (0). UINT64_MAX: there was none, or it did not come before
 * the part was made (grace_ms). closed_ns: when the last of the part was made; may be NULL. Arrivals differ
 * from member to member; whim_backup_workers_measure makes them comparable. Does not block. Results: WHIM_OK;
 * WHIM_E_WRONG_STATE before completion, or when this peer made no part out of contributions as they came (a
 * small buffer has fewer parts than members; plans with trees; gossip, broadcast and all-gather);
 * WHIM_E_INVALID for NULL or a short ns. */
WHIM_API whim_result whim_op_get_arrivals(const whim_op* op, uint64_t* ns, uint32_t ns_len,
                                          uint64_t* closed_ns);

WHIM_END_DECLS

#endif
