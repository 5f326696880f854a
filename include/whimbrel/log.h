/* Where the library's log goes. Without a call here: to stderr, one line per entry, at level info.
 *
 * The environment variable WHIMBREL_LOG chooses what is logged, for all or by component: "warn",
 * "info,transport=debug", "off". Components: api, runtime, engine, transport, coordinator. A coordinator in
 * the same process is a library of its own: it heeds WHIMBREL_LOG and the log of its options, and no call
 * here.
 *
 * Thread-safety: every function may be called from any thread. Ownership: texts given to a sink are valid
 * only inside it; `user` is yours and must outlive the sink.
 *
 *     static void to_my_log(int32_t level, const char *component, const char *text, void *user) { ... }
 *     whim_log_set_sink(to_my_log, my_log); */
#ifndef WHIMBREL_LOG_H
#define WHIMBREL_LOG_H

#include <stdint.h>

#include "whimbrel/status.h"

WHIM_BEGIN_DECLS

enum whim_log_level {
    WHIM_LOG_TRACE = 0,
    WHIM_LOG_DEBUG = 1,
    WHIM_LOG_INFO = 2,
    WHIM_LOG_WARN = 3,
    WHIM_LOG_ERROR = 4,
    WHIM_LOG_OFF = 5
};

/* Takes one entry: one line without the newline. Called by library threads, one call at a time; be brief, and
 * call nothing of whimbrel inside but whim_result_name and whim_result_text. */
typedef void (*whim_log_fn)(int32_t level, const char* component, const char* text, void* user);

/* Sends the log to sink, with user passed along; NULL: back to stderr. Once it returns the former sink is not
 * called any more, so it may wait for a sink that is running. Results: WHIM_OK. */
WHIM_API whim_result whim_log_set_sink(whim_log_fn sink, void* user);

/* Replaces what WHIMBREL_LOG says, in the same form; NULL or "": back to WHIMBREL_LOG. Copied. Does not
 * block. Results: WHIM_OK; WHIM_E_INVALID when a level or the form is unknown (nothing changes). */
WHIM_API whim_result whim_log_set_filter(const char* filter);

WHIM_END_DECLS

#endif
