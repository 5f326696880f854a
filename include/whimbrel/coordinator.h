/* Coordinators: the one authority of a run on who is in and which rounds count. In libwhimbrel_coordinator.
 *
 * A coordinator writes every decision to its journal before it tells anybody. Stopping it (or killing it) and
 * starting it on the same directory resumes the run; peers keep training meanwhile. It runs as well inside a
 * program of yours, by the functions here, as by the command `whimbrel coordinator`.
 *
 * Thread-safety: every function may be called from any thread; only whim_coordinator_stop must come last.
 * Ownership: options and what they point to are copied; texts are copied out. The coordinator is yours until
 * whim_coordinator_stop.
 *
 *     whim_coordinator_options options = WHIM_COORDINATOR_OPTIONS_INIT;
 *     options.run = "gpt";
 *     options.listen = "0.0.0.0:7000";
 *     options.data_dir = "/var/lib/gpt";
 *     whim_coordinator *coordinator;
 *     whim_result result = whim_coordinator_start(&options, &coordinator); */
#ifndef WHIMBREL_COORDINATOR_H
#define WHIMBREL_COORDINATOR_H

#include <stddef.h>
#include <stdint.h>

#include "whimbrel/group.h"
#include "whimbrel/log.h"
#include "whimbrel/status.h"

WHIM_BEGIN_DECLS

typedef struct whim_coordinator whim_coordinator;

typedef struct whim_coordinator_options {
    uint32_t struct_size;
    /* whim_security; as the members'. */
    uint32_t security;
    /* The run's name, at most 64 bytes. Needed. */
    const char* run;
    /* Directory of the journal and the coordinator's key; made when it does not exist. Needed. One
     * coordinator at a time can hold it. */
    const char* data_dir;
    /* Where peers connect, "HOST:PORT"; port 0 takes a free one. Default: "0.0.0.0:7000". */
    const char* listen;
    /* Where /healthz, /metrics and /state are served, "HOST:PORT". Default: nowhere. */
    const char* http;
    /* Where peers reach it, for invites: "HOST:PORT,HOST:PORT", at most 8; port 0 stands for the one listened
     * on. Default: the listening address when it names one interface, otherwise that of the interface which
     * leads to other machines, and the machine's host name. Behind a router, say it. */
    const char* advertise;
    /* 1: admits peers without a token, whatever their key. Default: a valid invite is needed. */
    uint32_t open_admission;
    /* Members below which no round begins. Default 1. Range 1..1024. */
    uint32_t replicas_min;
    /* How long a round waits for members that are not ready, in milliseconds. Default: adapts to the run.
     * Range 1..3600000. */
    uint32_t round_grace_ms;
    /* Longest time without any frame from a peer before it is suspected, in milliseconds. Default 2000.
     * Range 100..600000. Larger values ride out slow links, smaller ones shorten recovery. A suspected peer
     * is probed through others before it is evicted. */
    uint32_t suspect_after_ms;
    /* Where the log goes; NULL: to stderr as WHIMBREL_LOG says. See log.h. */
    whim_log_fn log;
    void* log_user;
    /* 1: admits peers without dialling the addresses they advertise; for a coordinator that may not open
     * connections to them. Default: one that it cannot dial counts as outbound-only, see group.h. */
    uint32_t no_dial_back;
    uint32_t reserved; /* zero */
    /* A file in which the links between members are written down, by the members' names, for planning
     * (docs/explanation/planning.md has its form; `whimbrel bench links` measures what goes into it). It
     * counts for rounds all of whose members are in it. Read once. Default: plans are made from what members
     * measure. */
    const char* links;
} whim_coordinator_options;

/* clang-format off */
#define WHIM_COORDINATOR_OPTIONS_INIT \
    {sizeof(whim_coordinator_options), 0, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, NULL, 0, 0, NULL}
/* clang-format on */

/* Starts a coordinator with its own threads, resuming what the directory holds. Returns once it answers
 * peers. Results: WHIM_OK; WHIM_E_INVALID (the detail names the option; options NULL too);
 * WHIM_E_STRUCT_SIZE; WHIM_E_BIND; WHIM_E_STORE (the directory cannot be used, belongs to another run, or
 * another process holds it); WHIM_E_SYSTEM. */
WHIM_API WHIM_MUST_CHECK whim_result whim_coordinator_start(const whim_coordinator_options* options,
                                                            whim_coordinator** coordinator);

/* Stops it and closes the journal. Peers see it go away, no more. Takes milliseconds. NULL is fine. */
WHIM_API void whim_coordinator_stop(whim_coordinator* coordinator);

/* Writes where peers connect, "HOST:PORT" with the real port, cut to text_size. Does not block.
 * WHIM_OK; WHIM_E_INVALID for NULL or text_size 0. */
WHIM_API whim_result whim_coordinator_address(const whim_coordinator* coordinator, char* text,
                                              size_t text_size);

/* The same for the HTTP pages; "" when there are none. */
WHIM_API whim_result whim_coordinator_http_address(const whim_coordinator* coordinator, char* text,
                                                   size_t text_size);

#define WHIM_INVITE_SIZE 8192 /* enough for any invite, with NUL */

/* Writes an invite that admits any number of peers until it expires: one printable word that holds the run,
 * this coordinator's advertised addresses and key, and a signed token. expires_s: seconds from now; 0 means
 * 30 days. Does not block. WHIM_OK; WHIM_E_INVALID for NULL or when text_size is too small (WHIM_INVITE_SIZE
 * always does). */
WHIM_API WHIM_MUST_CHECK whim_result whim_coordinator_invite(const whim_coordinator* coordinator,
                                                             uint64_t expires_s, char* text,
                                                             size_t text_size);

/* whim_last_error for the functions of this header: they live in a library of their own. */
WHIM_API whim_result whim_coordinator_last_error(whim_error* error);

WHIM_END_DECLS

#endif
