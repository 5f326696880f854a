/* Rounds: units of agreed progress. Begin one, reduce in it, commit it.
 *
 * whim_round_begin is one exchange with the coordinator in which all members agree on who takes part, who
 * came and who went. Collectives started afterwards belong to that round. whim_round_commit records, for all
 * at once, that the round counts: the digest of the state after it, and bytes of yours. Both give ops, so
 * they overlap with computing. After a failure at either the group is usable: begin the next round.
 *
 * A peer whose state is not current (a newcomer, or one whose digest differed) sees heal_self; the one that
 * lends its state is donor_rank. As long as anybody needs healing (healing_any) all take part in a
 * whim_broadcast from donor_rank before they go on.
 *
 * Thread-safety: every function may be called from any thread. Ownership: options and the bytes they point to
 * are copied; infos are copied out; bytes of a record live as long as its op.
 *
 *     whim_op *begin;
 *     if (whim_round_begin(group, NULL, &begin) == WHIM_OK && whim_op_wait(begin, 60000) == WHIM_OK) {
 *         whim_round_info info = WHIM_ROUND_INFO_INIT;
 *         whim_round_get_info(begin, &info);
 *         printf("round %llu, rank %u of %u\n", (unsigned long long)info.round, info.rank, info.world_size);
 *     } */
#ifndef WHIMBREL_ROUND_H
#define WHIMBREL_ROUND_H

#include <stddef.h>
#include <stdint.h>

#include "whimbrel/group.h"
#include "whimbrel/member.h"
#include "whimbrel/op.h"
#include "whimbrel/status.h"

WHIM_BEGIN_DECLS

#define WHIM_DIGEST_SIZE 16
#define WHIM_COMMIT_BYTES_MAX 65536

typedef struct whim_round_options {
    uint32_t struct_size;
    uint32_t reserved; /* zero */
    uint64_t
        state_round; /* the last committed round whose state this peer holds; 0: none, it may need healing */
} whim_round_options;

/* clang-format off */
#define WHIM_ROUND_OPTIONS_INIT {sizeof(whim_round_options), 0, 0}
/* clang-format on */

/* Says that this peer is ready for the next round; the op completes when the round begins, or the one after
 * it where this peer was not ready in time. A run below its replicas_min waits. Does not block. Results of
 * the call: WHIM_OK; WHIM_E_INVALID; WHIM_E_STRUCT_SIZE. Of the op: WHIM_OK; WHIM_E_EVICTED (join again);
 * WHIM_E_WRONG_STATE when not joined, or another begin is pending; WHIM_E_LEFT. */
WHIM_API WHIM_MUST_CHECK whim_result whim_round_begin(whim_group* group, const whim_round_options* options,
                                                      whim_op** op);

typedef struct whim_round_info {
    uint32_t struct_size;
    uint32_t rank;       /* this peer's birth rank in the round */
    uint32_t world_size; /* participants */
    uint32_t joined;     /* members that were not in the last round's view */
    uint32_t left;       /* members gone since the last round this peer saw */
    uint32_t excluded;   /* members of the view that do not take part */
    uint64_t round, epoch;
    uint64_t committed;   /* last committed round when this one began; 0: none */
    uint32_t heal_self;   /* 1: this peer holds no current state */
    uint32_t healing_any; /* 1: somebody does not: all broadcast from donor_rank */
    uint32_t donor_rank;  /* WHIM_RANK_NONE: nobody lends, as nobody needs it or nobody has lineage */
    uint32_t reserved;    /* zero */
} whim_round_info;

/* clang-format off */
#define WHIM_ROUND_INFO_INIT {sizeof(whim_round_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
/* clang-format on */

/* Copies how the round began. Does not block. Results: WHIM_OK; WHIM_E_WRONG_STATE when the op is no begin or
 * has not completed with WHIM_OK; WHIM_E_INVALID for NULL; WHIM_E_STRUCT_SIZE. */
WHIM_API whim_result whim_round_get_info(const whim_op* op, whim_round_info* info);

enum whim_round_list {
    WHIM_ROUND_PARTICIPANTS = 0, /* world_size, in rank order */
    WHIM_ROUND_JOINED = 1,
    WHIM_ROUND_LEFT = 2,    /* reason, by_own_wish and epoch are set */
    WHIM_ROUND_EXCLUDED = 3 /* reason is set */
};

/* Copies a member of one of the round's lists. Results as for whim_round_get_info; WHIM_E_INVALID also for a
 * list or index that does not exist. */
WHIM_API whim_result whim_round_get_member(const whim_op* op, uint32_t list, uint32_t index,
                                           whim_member* member);

typedef struct whim_commit_options {
    uint32_t struct_size;
    uint32_t bytes_len;               /* at most WHIM_COMMIT_BYTES_MAX */
    const void* bytes;                /* yours, kept with the round; NULL with bytes_len 0 */
    uint64_t round;                   /* 0: the one whose begin completed last */
    uint64_t samples;                 /* consumed in the round by this peer; for people and schedulers */
    uint8_t digest[WHIM_DIGEST_SIZE]; /* of the state after the round (whim_digest of experimental.h, or any
                                       * other); equal on all peers, or they diverged */
} whim_commit_options;

/* clang-format off */
#define WHIM_COMMIT_OPTIONS_INIT {sizeof(whim_commit_options), 0, NULL, 0, 0, {0}}
/* clang-format on */

/* Votes for the round; the op completes when the coordinator has the outcome on disk. Does not block; waits
 * for a coordinator that is away. The record lists who contributed to the round's collectives that this peer
 * completed. options NULL: a digest of zeros, no bytes. Results of the call: WHIM_OK; WHIM_E_INVALID;
 * WHIM_E_STRUCT_SIZE. Of the op: WHIM_OK: committed, with this peer; WHIM_E_ROUND_ABORTED (the detail says
 * why; also for a round so old that the coordinator no longer knows how it ended); WHIM_E_DIVERGED (the round
 * was committed with another digest: begin the next round with state_round 0); WHIM_E_EXCLUDED (committed
 * before this peer's vote came); WHIM_E_EVICTED; WHIM_E_LEFT; WHIM_E_WRONG_STATE when not joined, the round
 * was not begun here, or a commit is still pending. A round that has ended gives its outcome again, and the
 * new options count for nothing. */
WHIM_API WHIM_MUST_CHECK whim_result whim_round_commit(whim_group* group, const whim_commit_options* options,
                                                       whim_op** op);

typedef struct whim_commit_info {
    uint32_t struct_size;
    uint32_t committed; /* 0: aborted; reason says why */
    uint64_t round;
    uint32_t contributors; /* whose votes held the digest */
    uint32_t diverged;     /* whose votes did not */
    uint8_t digest[WHIM_DIGEST_SIZE];
    char reason[WHIM_TEXT_MAX];
} whim_commit_info;

/* clang-format off */
#define WHIM_COMMIT_INFO_INIT {sizeof(whim_commit_info), 0, 0, 0, 0, {0}, ""}
/* clang-format on */

/* Copies the outcome, also of an op that ended with an error once the outcome is known. Does not block.
 * Results: WHIM_OK; WHIM_E_WRONG_STATE when the op is no commit or has no outcome; WHIM_E_INVALID;
 * WHIM_E_STRUCT_SIZE. */
WHIM_API whim_result whim_commit_get_info(const whim_op* op, whim_commit_info* info);

enum whim_commit_list {
    WHIM_COMMIT_CONTRIBUTORS = 0,
    WHIM_COMMIT_DIVERGED = 1 /* reason is set */
};

/* Copies a member of one of the outcome's lists. Results as for whim_round_get_member. */
WHIM_API whim_result whim_commit_get_member(const whim_op* op, uint32_t list, uint32_t index,
                                            whim_member* member);

/* Asks the coordinator for what a committed round recorded. It answers for the last 16 rounds, also after a
 * restart; whoever needs older records keeps them. Does not block; waits for a coordinator that is away.
 * Results of the call: WHIM_OK; WHIM_E_INVALID. Of the op: WHIM_OK; WHIM_E_INVALID when there is no such
 * record, or this peer is not joined; WHIM_E_LEFT. */
WHIM_API WHIM_MUST_CHECK whim_result whim_round_record(whim_group* group, uint64_t round, whim_op** op);

typedef struct whim_record_info {
    uint32_t struct_size;
    uint32_t participants;
    uint64_t round, epoch;
    uint8_t digest[WHIM_DIGEST_SIZE];
    uint32_t votes;    /* one for each contributor */
    uint32_t reserved; /* zero */
} whim_record_info;

/* clang-format off */
#define WHIM_RECORD_INFO_INIT {sizeof(whim_record_info), 0, 0, 0, {0}, 0, 0}
/* clang-format on */

/* Copies a record. Results as for whim_round_get_info. */
WHIM_API whim_result whim_record_get_info(const whim_op* op, whim_record_info* info);

typedef struct whim_record_vote {
    uint32_t struct_size;
    uint32_t bytes_len;
    const void* bytes; /* as given to whim_round_commit; valid until the op is released */
    uint64_t samples;
    uint64_t incarnation;
    char id[WHIM_PEER_ID_SIZE];
    char reserved[7]; /* zero */
} whim_record_vote;

/* clang-format off */
#define WHIM_RECORD_VOTE_INIT {sizeof(whim_record_vote), 0, NULL, 0, 0, "", ""}
/* clang-format on */

/* Copies what one contributor brought. Results as for whim_round_get_member. */
WHIM_API whim_result whim_record_get_vote(const whim_op* op, uint32_t index, whim_record_vote* vote);

WHIM_END_DECLS

#endif
