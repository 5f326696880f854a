/* Backup workers: how many contributions the next all-reduce should wait for, so that the loss falls fastest
 * in time. DBW (Xu, Neglia, Sebastianelli, arXiv 2004.14696), a policy on top of min_contributors.
 *
 * With k of n contributions a step of size eta lowers the loss by about
 *     gain(k) = (eta - L eta^2 / 2) G2 - (L eta^2 / 2) V / k
 * with V the variance of one contribution, summed over its elements, G2 the squared norm of the true
 * gradient, and L the smoothness that the losses show; it takes time(k), the mean time of the k'th arrival.
 * The choice is the k of the largest gain(k) / time(k), n when no k promises a gain, and one more than before
 * after a step that raised the loss. It moves for a rate that is better by a tenth. All are means over the
 * last steps.
 *
 * All members of an op must ask for the same min_contributors. The same observations in the same order give
 * the same choice on every machine, so let all observe the same numbers: each makes a list of what it saw
 * (measure), an all-reduce, with the same min_contributors and grace as the op that it is about, averages the
 * lists, and what comes out, which all members have alike, is observed. All begin anew with a new object
 * unless the round goes on: nobody joined, nobody is healed, and the round before was committed (committed +
 * 1 == round). When members are gone, all resize. Vote on the mean of lists along with the parameters, so
 * that who was left out of its op is healed.
 *
 * Thread-safety: different objects may be used at the same time; calls on one must not overlap.
 * Ownership: arrays are read or written during the call and never kept; the object is yours until
 * whim_backup_workers_destroy and needs no group.
 *
 *     options.min_contributors = whim_backup_workers_choose(policy);
 *     options.grace_ms = 20;  // what comes later is not waited for
 *     whim_all_reduce(group, gradient, mean, n, WHIM_F32, WHIM_AVG, &options, &op), then wait
 *     whim_backup_workers_measure(policy, op, norm2(gradient), norm2(mean), loss, list);
 *     const size_t len = whim_backup_workers_list_len(policy);
 *     whim_all_reduce(group, list, list, len, WHIM_F64, WHIM_AVG, &options, &op), then wait
 *     whim_backup_workers_observe_list(policy, list); */
#ifndef WHIMBREL_BACKUP_WORKERS_H
#define WHIMBREL_BACKUP_WORKERS_H

#include <stddef.h>
#include <stdint.h>

#include "whimbrel/op.h"
#include "whimbrel/status.h"

WHIM_BEGIN_DECLS

typedef struct whim_backup_workers whim_backup_workers;

typedef struct whim_backup_workers_options {
    uint32_t struct_size;
    /* Never choose fewer. Default 1. Range 1 to the number of members. */
    uint32_t min_contributors_min;
    /* About how many steps means remember: the newest counts 1/window. Default 5. Range 1 to 1000. */
    uint32_t window;
    uint32_t reserved; /* zero */
} whim_backup_workers_options;

/* clang-format off */
#define WHIM_BACKUP_WORKERS_OPTIONS_INIT {sizeof(whim_backup_workers_options), 0, 0, 0}
/* clang-format on */

/* For a round with `members` participants, 1 to 1024. eta: the size of a step, above 0 and at most 1e6: how
 * much of the mean is taken from the parameters. Chooses all members until the losses of two steps are known.
 * Results: WHIM_OK; WHIM_E_INVALID; WHIM_E_NON_FINITE (eta); WHIM_E_STRUCT_SIZE; WHIM_E_NO_MEMORY. */
WHIM_API WHIM_MUST_CHECK whim_result whim_backup_workers_create(uint32_t members, double eta,
                                                                const whim_backup_workers_options* options,
                                                                whim_backup_workers** policy);

/* Gives it back. NULL is fine. */
WHIM_API void whim_backup_workers_destroy(whim_backup_workers* policy);

/* The min_contributors of the next op, 1 to the number of members. 0 for NULL. */
WHIM_API uint32_t whim_backup_workers_choose(const whim_backup_workers* policy);

/* The round has so many participants now, 1 to 1024, the others being gone. What is known of gradients stays,
 * and of arrivals up to as many. Whoever waited for all does so again. Where the round does not go on (above)
 * take a new object: some have not seen what the others have. WHIM_OK; WHIM_E_INVALID; WHIM_E_NO_MEMORY. */
WHIM_API whim_result whim_backup_workers_resize(whim_backup_workers* policy, uint32_t members);

/* One step, as all members observe it. All numbers are finite; norms, variance and loss are at most 1e150 in
 * magnitude, and times a century. */
typedef struct whim_backup_workers_step {
    uint32_t struct_size;
    uint32_t contributors;       /* whose mean the result is: 1 to the number of members */
    const uint64_t* arrivals_ns; /* from the start of the op, ascending; NULL when arrivals_len is 0 */
    uint32_t arrivals_len;       /* at most one for each member; the others came later than closed_ns */
    uint32_t reserved;           /* zero */
    uint64_t closed_ns;          /* when waiting ended */
    double mean_norm2;           /* squared norm of the result, not negative */
    double variance;             /* of one contribution around their mean, summed over elements, not negative:
                                  * sum |x - mean|^2 / (contributors - 1); not used of one contributor */
    double loss;                 /* before the step */
} whim_backup_workers_step;

/* clang-format off */
#define WHIM_BACKUP_WORKERS_STEP_INIT {sizeof(whim_backup_workers_step), 0, NULL, 0, 0, 0, 0, 0, 0}
/* clang-format on */

/* Takes a step in. Nothing changes unless the result is WHIM_OK; WHIM_E_INVALID (NULL, a count or a number
 * out of its range, arrivals that do not ascend); WHIM_E_NON_FINITE, naming what is not finite;
 * WHIM_E_STRUCT_SIZE. */
WHIM_API WHIM_MUST_CHECK whim_result whim_backup_workers_observe(whim_backup_workers* policy,
                                                                 const whim_backup_workers_step* step);

/* How many doubles a list of one member has; it depends on the number of members. 0 for NULL. */
WHIM_API size_t whim_backup_workers_list_len(const whim_backup_workers* policy);

/* Writes what this member saw of a completed whim_all_reduce into `list`: arrivals as in
 * whim_op_get_arrivals, who contributed, and the three numbers. own_norm2: squared norm of what this member
 * gave; mean_norm2: of the result; loss: this member's, before the step. The mean over members is what
 * observe_list takes. Results: WHIM_OK; WHIM_E_INVALID (NULL, a number out of its range, an op of another
 * number of members than the policy's, one that is no all-reduce); WHIM_E_NON_FINITE, naming what is not
 * finite; WHIM_E_WRONG_STATE (the op runs, or ended without a result). */
WHIM_API WHIM_MUST_CHECK whim_result whim_backup_workers_measure(const whim_backup_workers* policy,
                                                                 const whim_op* op, double own_norm2,
                                                                 double mean_norm2, double loss,
                                                                 double* list);

/* Takes in the mean of lists that measure made, in WHIM_F64 with WHIM_AVG, by as many members as reported.
 * The k'th arrival is the mean over the roots that saw one; the variance k/(k-1) times what the mean squared
 * norm of contributions exceeds mean_norm2 by. Nothing changes unless the result is WHIM_OK; WHIM_E_INVALID
 * (NULL, or no mean of such lists); WHIM_E_NON_FINITE. */
WHIM_API WHIM_MUST_CHECK whim_result whim_backup_workers_observe_list(whim_backup_workers* policy,
                                                                      const double* list);

WHIM_END_DECLS

#endif
