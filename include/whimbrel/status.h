/* Results: what a call returns, what it means, and the words that go with it.
 *
 * A result is 0 (WHIM_OK), positive (not an error: still running, no event) or negative (an error; the ranges
 * in status_list.h say who acts). A call that fails leaves its out-parameters unset and has no other effect.
 * The detail, which names the argument, peer or address at fault, is copied into a whim_error of yours:
 * whim_last_error() for plain calls, whim_op_error() for ops.
 *
 * Thread-safety: every function may be called from any thread; the last error is kept per thread.
 * Ownership: texts returned as const char * are static; everything else is copied out.
 *
 *     if (whim_group_create(&options, &group) < 0) {
 *         whim_error error = WHIM_ERROR_INIT;
 *         whim_last_error(&error);
 *         fprintf(stderr, "%s: %s\n", whim_result_name(error.result), error.detail);
 *     } */
#ifndef WHIMBREL_STATUS_H
#define WHIMBREL_STATUS_H

#include <stdint.h>

#include "whimbrel/export.h"
#include "whimbrel/status_list.h"

WHIM_BEGIN_DECLS

typedef int32_t whim_result;

/* WHIM_OK, WHIM_IN_PROGRESS, WHIM_NO_EVENT, WHIM_E_INVALID, ...: one for each line of status_list.h. */
enum whim_result_code {
#define WHIM_X(name, value, retryable, text) WHIM_##name = value,
    WHIM_STATUS_LIST(WHIM_X)
#undef WHIM_X
        WHIM_RESULT_CODE_END_ = 32767 /* not a result: fixes the enum's size */
};

/* Size of every text that explains something, with its terminating NUL. Longer texts are cut. */
#define WHIM_TEXT_MAX 1024

/* An error and its explanation. Set struct_size (or use the initializer) before it is filled. */
typedef struct whim_error {
    uint32_t struct_size;
    whim_result result;
    char detail[WHIM_TEXT_MAX]; /* one line; names what is wrong, where, and what to do; "" without error */
} whim_error;

/* clang-format off */
#define WHIM_ERROR_INIT {sizeof(whim_error), 0, ""}
/* clang-format on */

/* The name of a result, for example "WHIM_E_TAG_IN_USE"; "WHIM_E_UNKNOWN" for a number that is none.
 * Static text, never NULL. Does not block. */
WHIM_API const char* whim_result_name(whim_result result);

/* One sentence on what the result means. Static text, never NULL. Does not block. */
WHIM_API const char* whim_result_text(whim_result result);

/* 1 when the same call can succeed later, perhaps after joining again (WHIM_E_EVICTED), 0 when something must
 * be changed first. 0 for WHIM_OK and for unknown numbers. Does not block. */
WHIM_API int whim_result_is_retryable(whim_result result);

/* Copies the error of this thread's last failed call into libwhimbrel, WHIM_OK when none failed so far. Calls
 * that succeed leave it alone. Results: WHIM_OK; WHIM_E_INVALID when error is NULL; WHIM_E_STRUCT_SIZE.
 * Does not block. */
WHIM_API whim_result whim_last_error(whim_error* error);

WHIM_END_DECLS

#endif
