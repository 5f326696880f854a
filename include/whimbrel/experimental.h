/* Outer algorithms and digests: what training does with the averages. May change from one minor version to
 * the next.
 *
 * whim_diloco is DiLoCo (arXiv 2311.08105) for one flat array of f32 parameters: the rule between the rounds'
 * averages and the anchor that all peers share, bit for bit. It communicates nothing: the application
 * reduces.
 *
 * Thread-safety: different objects may be used at the same time; calls on one object must not overlap.
 * Ownership: arrays are copied or written during the call, never kept. The object is yours until
 * whim_diloco_destroy; its state is the library's memory, which stays where it is.
 *
 *     whim_diloco_contribute(diloco, live, delta);                          // delta = anchor - live
 *     ... whim_all_reduce(group, delta, delta, n, WHIM_F32, WHIM_AVG, ...) ...
 *     whim_diloco_apply(diloco, delta);                                     // provisional
 *     whim_diloco_digest(diloco, commit.digest);
 *     ... whim_round_commit(group, &commit, &op) ...
 *     committed ? whim_diloco_commit(diloco) : whim_diloco_abort(diloco);   // then copy the anchor to the
 * model */
#ifndef WHIMBREL_EXPERIMENTAL_H
#define WHIMBREL_EXPERIMENTAL_H

#include <stddef.h>
#include <stdint.h>

#include "whimbrel/round.h"
#include "whimbrel/status.h"

WHIM_BEGIN_DECLS

typedef struct whim_diloco whim_diloco;

/* Starts from the `count` parameters `initial` with zero momentum. The outer optimiser is Nesterov's in
 * PyTorch's form: b = momentum*b + delta; anchor -= lr*(delta + momentum*b). Momentum 0 keeps no momentum
 * array; with lr 1 it averages the parameters. Allocates 4 floats for each parameter (2 without momentum).
 * WHIM_OK; WHIM_E_INVALID (NULL, lr not positive and finite, momentum outside [0, 1)); WHIM_E_NO_MEMORY. */
WHIM_API WHIM_MUST_CHECK whim_result whim_diloco_create(const float* initial, size_t count, float outer_lr,
                                                        float outer_momentum, whim_diloco** diloco);

/* Gives it back. NULL is fine. */
WHIM_API void whim_diloco_destroy(whim_diloco* diloco);

/* Writes the pseudo-gradient anchor - live, `count` elements, against the newest anchor. out may be live.
 * Changes no state. WHIM_OK; WHIM_E_INVALID for NULL. */
WHIM_API whim_result whim_diloco_contribute(const whim_diloco* diloco, const float* live, float* out);

/* Takes the outer step with the averaged pseudo-gradient, provisionally.
 * WHIM_OK; WHIM_E_INVALID for NULL; WHIM_E_WRONG_STATE when a result is provisional already. */
WHIM_API whim_result whim_diloco_apply(whim_diloco* diloco, const float* mean);

/* The provisional result is final, or never was: then anchor and momentum are as before, bit for bit.
 * WHIM_OK; WHIM_E_INVALID for NULL; WHIM_E_WRONG_STATE when nothing is provisional. */
WHIM_API whim_result whim_diloco_commit(whim_diloco* diloco);
WHIM_API whim_result whim_diloco_abort(whim_diloco* diloco);

/* The newest state, provisional or not. The arrays never move. A donor's are what a joiner needs: broadcast
 * them in place (peers that hold the state get the same bytes), then the joiner calls whim_diloco_heal with
 * the steps. */
typedef struct whim_diloco_state {
    uint32_t struct_size;
    uint32_t provisional; /* 1: between apply and commit or abort */
    float* anchor;        /* count elements */
    float* momentum;      /* momentum_count elements; NULL without momentum */
    uint64_t count;
    uint64_t momentum_count;
    uint64_t steps; /* outer steps taken */
} whim_diloco_state;

/* clang-format off */
#define WHIM_DILOCO_STATE_INIT {sizeof(whim_diloco_state), 0, NULL, NULL, 0, 0, 0}
/* clang-format on */

/* WHIM_OK; WHIM_E_INVALID for NULL; WHIM_E_STRUCT_SIZE. */
WHIM_API whim_result whim_diloco_get_state(whim_diloco* diloco, whim_diloco_state* state);

/* Says that anchor and momentum now hold another member's committed state after so many outer steps.
 * WHIM_OK; WHIM_E_INVALID for NULL; WHIM_E_WRONG_STATE while a result is provisional. */
WHIM_API whim_result whim_diloco_heal(whim_diloco* diloco, uint64_t steps);

/* The digest of anchor, momentum and steps: equal on two peers when their states are. For whim_round_commit.
 * WHIM_OK; WHIM_E_INVALID for NULL. */
WHIM_API whim_result whim_diloco_digest(const whim_diloco* diloco, uint8_t digest[WHIM_DIGEST_SIZE]);

/* The digest (XXH3-128) of any bytes; NULL with a count of 0 is fine. WHIM_OK; WHIM_E_INVALID for NULL. */
WHIM_API whim_result whim_digest(const void* bytes, size_t count, uint8_t digest[WHIM_DIGEST_SIZE]);

WHIM_END_DECLS

#endif
