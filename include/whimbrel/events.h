/* Events: what happens to a group without being asked for. Each says in one line what and why.
 *
 * Events queue up to a bound of 1024 and the oldest are dropped beyond it; nobody has to read them. The file
 * descriptor is for poll, epoll and event loops: it is readable while an event waits.
 *
 * Thread-safety: every function may be called from any thread; each event is given to one caller.
 * Ownership: events are copied out. The descriptor belongs to the group: do not read or close it.
 *
 *     whim_event event = WHIM_EVENT_INIT;
 *     while (whim_group_next_event(group, &event) == WHIM_OK) puts(event.text); */
#ifndef WHIMBREL_EVENTS_H
#define WHIMBREL_EVENTS_H

#include <stdint.h>

#include "whimbrel/group.h"
#include "whimbrel/member.h"
#include "whimbrel/status.h"

WHIM_BEGIN_DECLS

enum whim_event_kind {
    WHIM_EVENT_JOINED = 0,           /* this peer was admitted */
    WHIM_EVENT_VIEW_CHANGED = 1,     /* somebody came or went */
    WHIM_EVENT_EVICTED = 2,          /* this peer is out of the view: whim_group_join admits it anew */
    WHIM_EVENT_COORDINATOR_LOST = 3, /* training and open ops go on; joins, evictions and commits wait */
    WHIM_EVENT_COORDINATOR_BACK = 4,
    WHIM_EVENT_PEER_SUSPECTED = 5, /* a local opinion; the coordinator decides */
    WHIM_EVENT_PEER_BACK = 6,
    WHIM_EVENT_OP_PAUSED = 7,    /* an op lost a peer while no coordinator answers; it resumes by itself */
    WHIM_EVENT_DIVERGED = 8,     /* this peer's state differs from the run's; the next round heals it */
    WHIM_EVENT_WAITING = 9,      /* a wait lasts, or waits for something else now */
    WHIM_EVENT_PEER_ROUTED = 10, /* its link runs through a third member now, or directly again */
    /* The coordinator could not dial this peer: address, cause and what to do. It is in all the same, as one
     * that dials the others. It waits when the join ends: after it, it does not come. */
    WHIM_EVENT_NOT_REACHED = 11
};

typedef struct whim_event {
    uint32_t struct_size;
    uint32_t kind;         /* whim_event_kind; newer libraries may add some: ignore what you do not know */
    uint64_t round, epoch; /* 0 where they say nothing */
    uint64_t incarnation;  /* of the member it is about; 0: about none */
    char id[WHIM_PEER_ID_SIZE]; /* of the same member */
    char text[WHIM_TEXT_MAX];
    char reserved[7]; /* zero */
} whim_event;

/* clang-format off */
#define WHIM_EVENT_INIT {sizeof(whim_event), 0, 0, 0, 0, "", "", ""}
/* clang-format on */

/* Takes the oldest event. Does not block. Results: WHIM_OK; WHIM_NO_EVENT; WHIM_E_INVALID for NULL;
 * WHIM_E_STRUCT_SIZE. */
WHIM_API WHIM_MUST_CHECK whim_result whim_group_next_event(whim_group* group, whim_event* event);

/* The descriptor that is readable while an event waits; valid until whim_group_destroy. Does not block.
 * WHIM_E_INVALID (negative) for NULL. */
WHIM_API int whim_group_event_fd(const whim_group* group);

WHIM_END_DECLS

#endif
