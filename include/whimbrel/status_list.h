/* The one list of result codes: X(NAME, value, retryable, text).
 *
 * Everything that knows codes is made from it: the C enum (status.h), whim_result_name(), the C++
 * core's Code, the table in docs/reference/status.md and the Python exceptions.
 * Ranges say who acts: caller -1xx, this machine -2xx, link or peer -3xx, view moved -4xx,
 * we are out -5xx, data refused -6xx, our bug -9xx. Positive values are not errors. */
#ifndef WHIMBREL_STATUS_LIST_H
#define WHIMBREL_STATUS_LIST_H

#define WHIM_STATUS_LIST(X)                                                                                  \
    X(OK, 0, 0, "done")                                                                                      \
    X(IN_PROGRESS, 1, 1, "still running; wait or poll again")                                                \
    X(NO_EVENT, 2, 1, "no event is waiting")                                                                 \
    X(E_INVALID, -100, 0, "an argument is invalid; the detail names it")                                     \
    X(E_STRUCT_SIZE, -101, 0, "an option struct is from a newer header and sets unknown fields")             \
    X(E_TAG_IN_USE, -102, 0, "an open op of this round already uses the tag")                                \
    X(E_TOO_MANY_OPS, -103, 1, "too many ops are open; wait for one to complete")                            \
    X(E_WRONG_STATE, -104, 0, "the call does not fit the group's state; the detail says which")              \
    X(E_WOULD_DEADLOCK, -105, 0, "waiting or destroying inside a callback")                                  \
    X(E_MISMATCH, -106, 0, "peers called the same tag with different descriptors")                           \
    X(E_BROKEN_CONTRACT, -107, 0, "a codec or reducer of the application is wrong; see the detail")          \
    X(E_NO_MEMORY, -200, 1, "out of memory")                                                                 \
    X(E_SYSTEM, -201, 0, "the operating system refused; the detail names the call")                          \
    X(E_BIND, -202, 0, "the listening address could not be bound")                                           \
    X(E_STORE, -203, 0, "the coordinator's journal could not be read or written")                            \
    X(E_INTERRUPTED, -204, 1, "the wait was interrupted; the op runs on")                                    \
    X(E_UNREACHABLE, -300, 1, "no address of the other side answered")                                       \
    X(E_PROTOCOL, -301, 0, "the other side broke the protocol; its connection was closed")                   \
    X(E_VERSION, -302, 0, "no common protocol version")                                                      \
    X(E_IDENTITY, -303, 0, "the other side's key is not the expected one")                                   \
    X(E_SOURCE_LOST, -400, 1, "the source of a broadcast is gone and nobody has its data")                   \
    X(E_TOO_FEW, -401, 1, "too few contributors are left")                                                   \
    X(E_CANCELLED, -402, 0, "this peer cancelled its part of the op")                                        \
    X(E_ROUND_ABORTED, -403, 1, "the round was aborted; the detail says why")                                \
    X(E_STALE_ROUND, -404, 1, "the round is over")                                                           \
    X(E_REFUSED, -500, 0, "the coordinator refused admission; the detail says why")                          \
    X(E_TOKEN, -501, 0, "the invite token is wrong or expired")                                              \
    X(E_EXCLUDED, -502, 1, "this peer was left out of the op or round")                                      \
    X(E_EVICTED, -503, 1, "this peer was evicted from the view; join again")                                 \
    X(E_LEFT, -504, 0, "this group has left or was shut down")                                               \
    X(E_DIVERGED, -505, 1, "this peer's state differs from the run's; it must be healed")                    \
    X(E_NON_FINITE, -600, 0, "the input holds a NaN or an infinity")                                         \
    X(E_WEIGHTS, -601, 0, "all weights are zero, or one is negative or not finite")                          \
    X(E_UNSUPPORTED, -602, 0, "this dtype, reduction or size is not supported here")                         \
    X(E_INTERNAL, -900, 0, "a bug in whimbrel; please report the detail")

#endif
