/* Error feedback: what a codec left out of what this peer sent is added to what it sends next.
 *
 * The residual is this peer's own, f32, one number for each element, zero at first; it changes only with the
 * commit of a round. With beta 1 nothing is ever lost: all that counted in committed rounds, plus the
 * residual, is the sum of all updates, whatever the codec dropped and whoever left this peer out.
 *
 * Thread-safety: different objects may be used at the same time; calls on one must not overlap.
 * Ownership: arrays are read or written during the call and never kept; the object is yours until
 * whim_error_feedback_destroy and needs no group. It holds 3 floats for each element.
 *
 *     whim_error_feedback_apply(feedback, update, x);            // x = update + beta * residual
 *     ... whim_all_reduce(group, x, x, n, WHIM_F32, WHIM_AVG, &options, &op), wait for WHIM_OK ...
 *     whim_error_feedback_stage(feedback, group, op);            // what was left out of it
 *     ... whim_round_commit(group, ...), wait ...
 *     committed ? whim_error_feedback_commit(feedback) : whim_error_feedback_abort(feedback);
 *
 * One object goes with one tensor and one all-reduce a round. An op that is run again after a failure is
 * given the x of a new apply. Do not combine with round=stochastic. */
#ifndef WHIMBREL_ERROR_FEEDBACK_H
#define WHIMBREL_ERROR_FEEDBACK_H

#include <stddef.h>
#include <stdint.h>

#include "whimbrel/group.h"
#include "whimbrel/op.h"
#include "whimbrel/status.h"

WHIM_BEGIN_DECLS

typedef struct whim_error_feedback whim_error_feedback;

/* For a tensor of `count` elements, with a residual of zero. beta: how much of the residual is added, from 0
 * to 1; below 1 old errors are forgotten. WHIM_OK; WHIM_E_INVALID; WHIM_E_NO_MEMORY. */
WHIM_API WHIM_MUST_CHECK whim_result whim_error_feedback_create(size_t count, float beta,
                                                                whim_error_feedback** feedback);

/* Gives it back. NULL is fine. */
WHIM_API void whim_error_feedback_destroy(whim_error_feedback* feedback);

/* Writes update + beta * residual, `count` elements, which is what the op is to be given, and remembers it.
 * out may be update. Drops what was staged. WHIM_OK; WHIM_E_INVALID for NULL. */
WHIM_API whim_result whim_error_feedback_apply(whim_error_feedback* feedback, const float* update,
                                               float* out);

/* Works out from a completed whim_all_reduce what became of what apply gave: the next residual is what the
 * codec left out of it, and all of it where this peer is not among the contributors. It encodes the tensor
 * once more, on this thread. The residual stays as it is until the commit. group: the op's own; NULL will do
 * unless the op had a codec of the application. Results: WHIM_OK; WHIM_E_INVALID (NULL; an op of another
 * length or group); WHIM_E_WRONG_STATE (nothing was applied, the op runs, or ended without a result);
 * WHIM_E_UNSUPPORTED (an op that is no all-reduce of f32); WHIM_E_NON_FINITE (what was applied holds a NaN or
 * an infinity, or more than the codec does: none of it was sent; abort). */
WHIM_API WHIM_MUST_CHECK whim_result whim_error_feedback_stage(whim_error_feedback* feedback,
                                                               whim_group* group, const whim_op* op);

/* The round was committed: what is staged is the residual now. WHIM_OK; WHIM_E_INVALID for NULL;
 * WHIM_E_WRONG_STATE when nothing is staged. */
WHIM_API whim_result whim_error_feedback_commit(whim_error_feedback* feedback);

/* It was not, or the op failed: the residual is as before the round. WHIM_OK, also when nothing is staged;
 * WHIM_E_INVALID for NULL. */
WHIM_API whim_result whim_error_feedback_abort(whim_error_feedback* feedback);

/* Copies the residual of the last commit, `count` elements, for a checkpoint of this peer; and takes one
 * back, dropping what is staged. A peer without its own starts with zeros: nobody else's fits. WHIM_OK;
 * WHIM_E_INVALID for NULL; restore also WHIM_E_NON_FINITE. */
WHIM_API whim_result whim_error_feedback_save(const whim_error_feedback* feedback, float* residual);
WHIM_API whim_result whim_error_feedback_restore(whim_error_feedback* feedback, const float* residual);

WHIM_END_DECLS

#endif
