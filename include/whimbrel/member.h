/* A member of a run as the library describes it: in views, rounds, contributor sets, commits and records.
 *
 * Thread-safety and ownership: plain values, copied into structs of yours; nothing to release.
 *
 *     whim_member member = WHIM_MEMBER_INIT;
 *     whim_view_get_member(view, 0, &member);
 *     printf("rank %u is %s (%s)\n", member.rank, member.name, member.id); */
#ifndef WHIMBREL_MEMBER_H
#define WHIMBREL_MEMBER_H

#include <stdint.h>

#include "whimbrel/status.h"

WHIM_BEGIN_DECLS

#define WHIM_PEER_ID_SIZE 65 /* 64 hexadecimal digits and NUL */
#define WHIM_NAME_SIZE 65    /* names of runs, peers and regions, with NUL */
#define WHIM_RANK_NONE 4294967295u

/* What is known of a member depends on the list it came from; what is not known there is zero, "" or
 * WHIM_RANK_NONE. (id, incarnation) names a member for ever: a restarted or readmitted process gets a new
 * incarnation. */
typedef struct whim_member {
    uint32_t struct_size;
    uint32_t rank; /* in the list's view or birth round; WHIM_RANK_NONE: not in it */
    uint64_t incarnation;
    uint64_t epoch;             /* of those who left: the first view without it */
    uint32_t is_self;           /* 1: this peer */
    uint32_t by_own_wish;       /* of those who left: 1 when it called whim_group_leave */
    char id[WHIM_PEER_ID_SIZE]; /* hash of its key */
    char name[WHIM_NAME_SIZE];  /* for people */
    char region[WHIM_NAME_SIZE];
    char addresses[WHIM_TEXT_MAX]; /* "HOST:PORT,HOST:PORT", in the order to try */
    char reason[WHIM_TEXT_MAX];    /* of those who left, were excluded or diverged: why */
    char reserved[5];              /* zero */
    uint32_t outbound_only;        /* 1: nobody can dial it; it dials the others */
    uint32_t reserved_end;         /* zero */
} whim_member;

/* clang-format off */
#define WHIM_MEMBER_INIT {sizeof(whim_member), 0, 0, 0, 0, 0, "", "", "", "", "", "", 0, 0}
/* clang-format on */

WHIM_END_DECLS

#endif
