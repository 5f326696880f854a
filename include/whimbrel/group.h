/* Groups: one peer's handle to one run. Joining, leaving, and who else is in.
 *
 * A group owns the peer's identity, its listening port, its links and the library's threads: one for input
 * and output, one for callbacks, a few that reduce. After whim_group_create nothing but the port is open to
 * the world; whim_group_join asks a coordinator for admission. A peer that was evicted (it froze, or its
 * links were lost) is told so and may call whim_group_join again on the same handle: it becomes a new member.
 *
 * Thread-safety: every function may be called from any thread, also at the same time; only whim_group_destroy
 * must come last. A process may hold many groups. A group does not survive fork: create it in the process
 * that uses it. Ownership: options and everything they point to are copied. The group is yours until
 * whim_group_destroy; ops and views it gave out stay valid after it.
 *
 *     whim_group_options options = WHIM_GROUP_OPTIONS_INIT;
 *     options.invite = invite;
 *     whim_group *group;
 *     whim_op *joined;
 *     if (whim_group_create(&options, &group) == WHIM_OK && whim_group_join(group, &joined) == WHIM_OK) ...
 */
#ifndef WHIMBREL_GROUP_H
#define WHIMBREL_GROUP_H

#include <stddef.h>
#include <stdint.h>

#include "whimbrel/member.h"
#include "whimbrel/op.h"
#include "whimbrel/status.h"

WHIM_BEGIN_DECLS

typedef struct whim_group whim_group;
typedef struct whim_view whim_view;

enum whim_security {
    WHIM_SECURITY_TLS = 0, /* TLS 1.3, both sides prove their keys */
    WHIM_SECURITY_NONE = 1 /* nothing is encrypted or proved: for trusted networks; logged as a warning */
};

enum whim_same_host_path {
    WHIM_SAME_HOST_AUTO = 0, /* shared memory where both peers are of one network namespace, TCP otherwise */
    WHIM_SAME_HOST_TCP = 1   /* TCP always */
};

typedef struct whim_group_options {
    uint32_t struct_size;
    /* whim_security; all members and coordinators of a run use the same. An invite says which and need not be
     * told; WHIM_SECURITY_NONE with an invite to a run with TLS is refused. */
    uint32_t security;
    /* What whim_coordinator_invite or `whimbrel invite` gave out: run, security, coordinators, their keys,
     * and the token that admits. A run or coordinators given below replace the invite's; coordinators of a
     * run with TLS must still prove the key that the invite names. */
    const char* invite;
    /* The run's name, at most 64 bytes. Needed when there is no invite. */
    const char* run;
    /* Addresses of the coordinators, "HOST:PORT", separated by commas. Needed when there is no invite. */
    const char* coordinators;
    /* What people call this peer, at most 64 bytes. Default: "HOSTNAME/PID". */
    const char* name;
    /* Where the peer is, at most 64 bytes, for example "eu-west". Default: "". */
    const char* region;
    /* Where to listen for other members, "HOST:PORT". Port 0 takes a free one. Default: "0.0.0.0:0". */
    const char* listen;
    /* Where others reach this peer, "HOST:PORT,HOST:PORT", at most 8, in the order to try; port 0 stands for
     * the one listened on. Default: the listening address when it names one interface; otherwise the address
     * of the interface that leads to the first coordinator. */
    const char* advertise;
    /* File with the peer's secret key, made with mode 0600 when it does not exist. Two peers must not share
     * one. Default: a fresh key that is kept in memory only. */
    const char* identity_file;
    /* A number over whatever all members must have in common (shapes, settings): a peer whose number differs
     * from the run's is refused. Default 0. */
    uint64_t fingerprint;
    /* Connections for bulk data to each member. Default 0: as many as the path turns out to need, found out
     * by measuring and changed when it changes (1 to 32). 1..32: exactly so many. */
    uint32_t bulk_strands;
    /* Threads that reduce, and that help to encrypt when several connections have much to carry and cores
     * are free. Default: the number of cores, at most 4. Range 1..64. */
    uint32_t worker_threads;
    /* Largest slice in flight, in bytes. Default 262144. Range 4096..1048576. Equal on all members. */
    uint32_t chunk_bytes;
    /* whim_same_host_path: how peers of one machine meet. Handshake, TLS and everything above stay as they
     * are. */
    uint32_t same_host_path;
    /* Copies of results kept for members that do not have them yet, in bytes. Default 64 MiB. Any
     * number: what does not fit is waited for, so that a small one makes completions later. */
    uint64_t retain_bytes_max;
    /* Contributions on their way from one other peer to this one, in bytes per op: what this peer holds for
     * folding is at most that times the number of others. Default 0: 4 MiB, over long paths up to 16 MiB and
     * 32 MiB for all others together. Range chunk_bytes..2^64-1. */
    uint64_t window_bytes;
    /* 1: nobody can dial this peer (it is behind NAT or a firewall), so it dials all others, and unless
     * advertise says otherwise it tells them no address. Default 0: others may dial it at its advertised
     * addresses. */
    uint32_t outbound_only;
    uint32_t reserved_end; /* zero */
    /* Bounds on what this peer sends, in bytes per second: of all its links together, and of each. Bulk
     * waits, control does not. Default 0: none. whim_group_set_rate_limits changes them. */
    uint64_t rate_limit;
    uint64_t link_rate_limit;
    /* The coordinator dials each advertised address before it admits this peer. When none answers, the peer
     * is admitted as if it had said outbound_only, with a WHIM_EVENT_NOT_REACHED that says why; 1: it is
     * refused with WHIM_E_UNREACHABLE instead. Default 0. Not together with outbound_only. */
    uint32_t require_reachable;
    uint32_t reserved_tail; /* zero */
} whim_group_options;

/* clang-format off */
#define WHIM_GROUP_OPTIONS_INIT \
    {sizeof(whim_group_options), 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, \
     0, 0, 0, 0, 0, 0, 0}
/* clang-format on */

/* Makes a peer: reads or makes its key, binds the port, starts the threads. Returns within milliseconds;
 * looks up names, which may take seconds where a resolver does not answer: that of listen, and those of
 * coordinators where these decide what to advertise. Contacts nobody else. Results: WHIM_OK; WHIM_E_INVALID
 * (the detail names the option); WHIM_E_STRUCT_SIZE; WHIM_E_BIND; WHIM_E_TOKEN (the invite cannot be read);
 * WHIM_E_SYSTEM. options NULL: WHIM_E_INVALID, as a run cannot be guessed. */
WHIM_API WHIM_MUST_CHECK whim_result whim_group_create(const whim_group_options* options, whim_group** group);

/* Asks for admission; the op completes once this peer is admitted, which takes up to 3 s more when its
 * addresses do not answer the coordinator. Also after an eviction. Tries all addresses of all coordinators
 * until one answers. Does not block. Results of the call: WHIM_OK; WHIM_E_INVALID for NULL. Of the op:
 * WHIM_OK; WHIM_E_TOKEN, WHIM_E_REFUSED (another run, fingerprint or settings), WHIM_E_VERSION,
 * WHIM_E_IDENTITY (not the coordinator the invite names), WHIM_E_UNREACHABLE (with require_reachable: the
 * coordinator reaches it at no address it advertises); WHIM_E_WRONG_STATE when it is joining already. One
 * that is in already gets WHIM_OK. */
WHIM_API WHIM_MUST_CHECK whim_result whim_group_join(whim_group* group, whim_op** op);

/* Leaves: the others go on without waiting for a suspicion. Open ops end with WHIM_E_LEFT. reason is for
 * their logs; NULL is fine. Does not block. Destroying without leaving is safe too: the others find out as
 * they do from a crash. Results of the call: WHIM_OK; WHIM_E_INVALID for NULL. Of the op: WHIM_OK;
 * WHIM_E_WRONG_STATE when this peer is not in, or leaving already. */
WHIM_API WHIM_MUST_CHECK whim_result whim_group_leave(whim_group* group, const char* reason, whim_op** op);

/* Ends everything at once: open ops complete with WHIM_E_LEFT, their buffers are free and no callback is
 * running when it returns. Waits for the group's threads, which takes milliseconds and never for the network.
 * NULL is fine. Results: WHIM_OK; WHIM_E_WOULD_DEADLOCK inside a callback, of any group (the group lives on).
 */
WHIM_API whim_result whim_group_destroy(whim_group* group);

/* Makes all waits of other threads on this group's ops return WHIM_E_INTERRUPTED now. Ops and group go on as
 * if nothing had happened. Does not block. Not for signal handlers. WHIM_OK; WHIM_E_INVALID for NULL. */
WHIM_API whim_result whim_group_interrupt(whim_group* group);

/* Changes rate_limit and link_rate_limit of the group's options at any time, from any thread; 0 takes a bound
 * away. What waits goes on under the new ones at once. Does not block. WHIM_OK; WHIM_E_INVALID for NULL;
 * WHIM_E_LEFT after the group has ended. */
WHIM_API whim_result whim_group_set_rate_limits(whim_group* group, uint64_t rate_limit,
                                                uint64_t link_rate_limit);

typedef struct whim_group_info {
    uint32_t struct_size;
    uint32_t rank;                  /* in the view; WHIM_RANK_NONE: not in it */
    uint32_t world_size;            /* members of the view */
    uint32_t coordinator_connected; /* 1: a coordinator answers */
    uint64_t incarnation;           /* 0: not admitted */
    uint64_t epoch;
    uint64_t round; /* begun last by this peer */
    uint64_t ops_open;
    uint64_t ops_completed, ops_failed;
    uint64_t bytes_sent, bytes_received; /* payload of collectives */
    char id[WHIM_PEER_ID_SIZE];
    char name[WHIM_NAME_SIZE];
    char run[WHIM_NAME_SIZE];
    char listen[WHIM_TEXT_MAX]; /* the address bound, with its real port */
    char advertise[WHIM_TEXT_MAX];
    char reserved[5]; /* zero */
} whim_group_info;

/* clang-format off */
#define WHIM_GROUP_INFO_INIT \
    {sizeof(whim_group_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "", "", "", "", "", ""}
/* clang-format on */

/* Copies this peer's own standing. Asks the I/O thread, so it takes microseconds.
 * WHIM_OK; WHIM_E_INVALID for NULL; WHIM_E_STRUCT_SIZE. */
WHIM_API whim_result whim_group_get_info(whim_group* group, whim_group_info* info);

/* Writes what the group waits for, for example "waits for a coordinator at 10.0.0.1:7000"; "" when for
 * nothing. Cut to text_size, which includes the NUL. Asks the I/O thread. Results: WHIM_OK; WHIM_E_INVALID
 * when group or text is NULL or text_size is 0. */
WHIM_API whim_result whim_group_waiting_for(whim_group* group, char* text, size_t text_size);

/* Takes a picture of the current view and the links to its members; it does not change any more. Asks the I/O
 * thread. WHIM_OK; WHIM_E_INVALID for NULL. Before admission the view is empty. */
WHIM_API WHIM_MUST_CHECK whim_result whim_group_view(whim_group* group, whim_view** view);

/* Gives a picture back. NULL is fine. */
WHIM_API void whim_view_release(whim_view* view);

/* The view's number, and its members; 0 for NULL. Do not block. */
WHIM_API uint64_t whim_view_epoch(const whim_view* view);
WHIM_API uint32_t whim_view_size(const whim_view* view);

/* Copies the member of a rank. WHIM_OK; WHIM_E_INVALID for NULL or a rank that does not exist;
 * WHIM_E_STRUCT_SIZE. Does not block. */
WHIM_API whim_result whim_view_get_member(const whim_view* view, uint32_t rank, whim_member* member);

#define WHIM_LINK_REASON_SIZE 128

/* The link to a member since it was opened, as this end sees it. All zero for this peer itself. Times are
 * round trips; a figure that is not known yet is 0. */
typedef struct whim_link_info {
    uint32_t struct_size;
    uint32_t up;         /* 1: connected */
    uint64_t silent_ns;  /* since anything was heard */
    uint64_t rtt_min_ns; /* 0: not known yet */
    uint64_t rtt_smoothed_ns;
    uint64_t bytes_sent, bytes_received;
    uint64_t messages_sent, messages_received;
    uint64_t bulk_frames_sent, bulk_frames_received;
    uint64_t bulk_frames_resent; /* written again because a connection was lost */
    uint64_t strands_lost;
    uint64_t rtt_p99_ns;        /* of heartbeats, as those before; 0: not known yet */
    uint64_t queueing_delay_ns; /* rtt_smoothed_ns beyond rtt_min_ns: what queues on the way add */
    uint64_t path_rtt_ns;       /* smoothed, of TCP segments, by the system; 0: not known */
    /* What the link delivered in spans in which it had enough to carry, smoothed; 0: no such span yet. They
     * are measured, not a promise: several links share a machine's uplink. */
    uint64_t rate_sent_bytes_per_s, rate_received_bytes_per_s;
    uint64_t bytes_retransmitted; /* of those sent, again by the system: segments that were lost */
    uint32_t strands_open;        /* connections for bulk data */
    uint32_t strands_used;        /* of these, for what this peer sends */
    char strands_reason[WHIM_LINK_REASON_SIZE]; /* why so many, in words */
    char via[WHIM_PEER_ID_SIZE];                /* the peer that relays the link; "" when it is direct */
    char reserved[7];                           /* zero */
    /* What bulk leaves at, at most, so that the path is filled and its queue is not; 0: no bound. Found out
     * by measuring; apart from rate_limit and link_rate_limit. */
    uint64_t pace_bytes_per_s;
    char pace_reason[WHIM_LINK_REASON_SIZE]; /* why that, in words */
    /* 1: segments are lost although no queue stands. Over a long path bulk is then guided by what is
     * delivered (bbr), not by loss (cubic). */
    uint32_t lossy;
    uint32_t reserved_end; /* zero */
    uint64_t bytes_copied; /* of payloads, sent once more unasked: short bursts, where something was lost */
} whim_link_info;

/* clang-format off */
#define WHIM_LINK_INFO_INIT \
    {sizeof(whim_link_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "", "", "", 0, "", 0, 0, 0}
/* clang-format on */

/* Copies the link to the member of a rank. Results as for whim_view_get_member. */
WHIM_API whim_result whim_view_get_link(const whim_view* view, uint32_t rank, whim_link_info* link);

WHIM_END_DECLS

#endif
