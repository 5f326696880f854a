/* Collectives: every member of a round gives data, every member gets the same bytes back.
 *
 * A collective belongs to the round begun last and is known among the round's ops by its tag: all members
 * call it with the same tag, count, dtype and reduction, in any order and as many at once as they like. It is
 * finished by those who live: the death of a member fails nothing and needs no retry. The info of its op says
 * exactly who contributed to which elements.
 *
 * Thread-safety: every function may be called from any thread. None of them blocks.
 * Ownership: options are copied. Input and output are borrowed until the op completes; do not read the output
 * or write either before. in == out works in place; otherwise they must not overlap. A count of 0 (with NULL
 * buffers) is fine: it synchronises and moves nothing. After an op without a result, an output apart from the
 * input is unspecified; in place, whim_op_info says how many chunks are final, and the others hold the input.
 *
 *     whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
 *     float tokens = 4096;
 *     options.tag = 7;
 *     options.weight = &tokens;
 *     whim_op *op;
 *     whim_result result = whim_all_reduce(group, grad, grad, n, WHIM_F32, WHIM_AVG, &options, &op); */
#ifndef WHIMBREL_COLLECTIVES_H
#define WHIMBREL_COLLECTIVES_H

#include <stddef.h>
#include <stdint.h>

#include "whimbrel/group.h"
#include "whimbrel/op.h"
#include "whimbrel/status.h"

WHIM_BEGIN_DECLS

enum whim_dtype {
    WHIM_F32 = 0,
    WHIM_F64 = 1,
    WHIM_F16 = 2,
    WHIM_BF16 = 3,
    WHIM_I8 = 4,
    WHIM_I16 = 5,
    WHIM_I32 = 6,
    WHIM_I64 = 7,
    WHIM_U8 = 8,
    WHIM_U16 = 9,
    WHIM_U32 = 10,
    WHIM_U64 = 11
};

/* f16 and bf16 accumulate in f32 and are rounded once. Folds run in rank order: all members get the same
 * bits. */
enum whim_reduce {
    WHIM_SUM = 0, /* integers wrap; one contributor set for the whole op */
    WHIM_AVG = 1, /* weighted mean, floats only; each chunk is weighed by those who contributed to it */
    WHIM_MIN = 2,
    WHIM_MAX = 3,
    WHIM_CUSTOM = 4 /* as the reducer of the application says that `reducer` of the options names */
};

/* What happens to an input with a NaN or an infinity. */
enum whim_non_finite {
    WHIM_NON_FINITE_EXCLUDE = 0, /* this peer takes part without contributing */
    WHIM_NON_FINITE_ABORT = 1,   /* the op ends on all members with WHIM_E_NON_FINITE; but for those that
                                    ended it before, without a member of which they heard a grace later */
    WHIM_NON_FINITE_ALLOW = 2    /* not looked at */
};

/* For grace_ms. */
#define WHIM_GRACE_LEARNT 0xffffffffu

typedef struct whim_all_reduce_options {
    uint32_t struct_size;
    /* Fewer contributors than this: the op ends with WHIM_E_TOO_FEW. With a grace, how many have to
     * contribute before the others are late. Default 1. Equal on all members. */
    uint32_t min_contributors;
    /* Tells the round's ops apart; free again once the op has completed. Default 0. Equal on all members. */
    uint64_t tag;
    /* The round the op belongs to. Default: the one whose begin completed here last. */
    uint64_t round;
    /* For WHIM_AVG: how much this contribution counts; finite, not negative. Copied. NULL: 1. Zero is allowed
     * as long as not all are zero (WHIM_E_WEIGHTS); a grace does not end before one is more. */
    const float* weight;
    /* Above 0: the op does not wait for members that are later than the others by more than so long. Default:
     * everybody is waited for. WHIM_GRACE_LEARNT: as long as those that are no stragglers usually need,
     * learnt from op to op of the same tag, count and members, 10 ms to 10 s, at first 1 s. Equal on all
     * members. Give some round trips of the longest path at least: within less, anybody may seem late.
     *
     * "The others" are min_contributors of them; with the default of 1, more than half. Once so many
     * contributions to a part are there, the rest gets the grace, and then counts only if it comes before
     * those that are still waited for: a late contribution is dropped whole, part by part, and the op's info
     * says who is in which. Whoever is late still gets the result; what others keep for it counts to
     * retain_bytes_max, and where that is short it ends with WHIM_E_EXCLUDED and gets the result with the
     * state.
     *
     * Each member also makes its share of the result. One that makes it far slower than the others, is later
     * with it than the grace, or has not called the op though nothing moves on without it, is left out of the
     * op by the coordinator, when two members wish so, or one has for a second: down to min_contributors. Who
     * calls some graces late is waited for while others are busy and not far ahead. (Where two take part, or
     * one alone makes a small op, nobody can tell which one is slow: only one of which nothing is heard in
     * the op for so long. Learnt, a grace is at least a second here.) Its share is made anew by the others.
     * With one contributor set (WHIM_SUM, uniform) this is the only way, judged by contributions too: what
     * has been sent until then, for as long as the grace and a few round trips, is sent again, and whoever is
     * left out ends with WHIM_E_EXCLUDED. So it does in whim_reduce_scatter, whose parts have owners. Of
     * copies (whim_all_gather, whim_broadcast) no contribution is gone without, but an owner that is left out
     * may lose its part. */
    uint32_t grace_ms;
    /* Above 0: this peer gives up its own part after so long, as whim_op_cancel does. Default: none. */
    uint32_t budget_ms;
    /* 1: one contributor set for the whole op; always so for WHIM_SUM. Equal on all members. */
    uint32_t uniform;
    /* whim_non_finite. */
    uint32_t non_finite;
    /* How ops that are open at once share each link, as this peer sends: a higher priority goes first; among
     * equals each gets its share. Defaults 0 and 1. Need not be equal on all members. */
    uint32_t priority;
    uint32_t share;
    /* How elements travel: the text of a codec (docs/reference/codecs.md), for example "int8",
     * "int4:block=64", "bf16+zstd", "topk:1/64", or the name of one that was registered with
     * whim_group_add_codec. For WHIM_SUM, WHIM_AVG and WHIM_CUSTOM of f32. Copied. Default, and
     * "none": as they are. Equal on all members. Each contribution is encoded once, and so is the result, so
     * that all members hold the same bytes; of "topk" the result holds all that was sent. "+zstd" packs what
     * takes longer on the line than in a core: on a fast or unknown one, nothing. An element that is
     * not finite, or more than the codec holds, is what non_finite is about; WHIM_NON_FINITE_ALLOW is
     * refused. */
    const char* codec;
    /* Of whim_reduce_scatter: how many elements each member's part has, by rank in the round; counts_len is
     * the round's world size. Copied. Default: all parts are alike. Equal on all members; NULL for
     * whim_all_reduce. */
    const uint64_t* counts;
    uint32_t counts_len;
    uint32_t reserved; /* zero */
    /* Of whim_all_reduce: along which paths partial sums and results travel. "auto": what the links make
     * best, as far as they are known (docs/explanation/planning.md); or "direct", "ring", "plain-ring" (in
     * rank order), "two-level", "forest". Other plans than direct are for sums of f32, f64 and integers,
     * averages of f32, minima and maxima, without a codec and without grace_ms, of 3 members or more; where
     * one cannot be had the direct plan is run. Copied. NULL: "auto". Equal on all members. */
    const char* plan;
    /* With WHIM_CUSTOM the name of a reducer that was registered with whim_group_add_reducer. Copied. NULL
     * otherwise. Equal on all members. */
    const char* reducer;
} whim_all_reduce_options;

/* clang-format off */
#define WHIM_ALL_REDUCE_OPTIONS_INIT                                                                         \
    {sizeof(whim_all_reduce_options), 0, 0, 0, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, 0, 0, NULL, NULL}
/* clang-format on */

/* Reduces `count` elements of all members into out, the same bytes everywhere. A group of one peer gets its
 * own input back, whatever the codec. Results of the call: WHIM_OK; WHIM_E_INVALID (NULL, overlapping or
 * misaligned buffers, unknown dtype, reduction or codec); WHIM_E_UNSUPPORTED (WHIM_AVG of integers; a codec
 * with WHIM_MIN, WHIM_MAX or anything but f32; of the op also a reducer with a dtype it does not take, and a
 * result that is more than the codec holds); WHIM_E_WEIGHTS (a weight that is negative or not finite);
 * WHIM_E_STRUCT_SIZE. Of the op: WHIM_OK; WHIM_E_INVALID (about 128 GiB or more); WHIM_E_TAG_IN_USE;
 * WHIM_E_TOO_MANY_OPS; WHIM_E_MISMATCH (somebody called the tag otherwise: both are named, on both; or lacks
 * the codec or reducer); WHIM_E_BROKEN_CONTRACT (a codec or reducer of the application failed, or broke its
 * contract: the detail says how); WHIM_E_TOO_FEW; WHIM_E_NON_FINITE; WHIM_E_WEIGHTS (all weights are zero);
 * WHIM_E_CANCELLED; WHIM_E_EXCLUDED, WHIM_E_EVICTED, WHIM_E_LEFT; WHIM_E_STALE_ROUND when this peer has
 * begun no round, takes no part in it, or it is too old. */
WHIM_API WHIM_MUST_CHECK whim_result whim_all_reduce(whim_group* group, const void* in, void* out,
                                                     size_t count, uint32_t dtype, uint32_t reduce,
                                                     const whim_all_reduce_options* options, whim_op** op);

/* One tensor: `count` elements that are read from in and written to out. in == out works in place. */
typedef struct whim_tensor {
    const void* in;
    void* out;
    size_t count;
} whim_tensor;

/* The same of many tensors at once, as if they lay behind each other in one buffer; cheaper than an op for
 * each or a copy into one buffer: what lies in one tensor leaves from it and is folded and written in it, and
 * only the chunks that span tensors (of which there is at most one for each boundary) are put together, as
 * they are sent. A list is copied, its memory is borrowed like a buffer. tensors_len is at most 65536; 0
 * (with NULL) is an op without elements. Any count may be 0. One list has one dtype, since elements of all
 * tensors meet in chunks, in folds and in a codec's blocks; start one op for each dtype, with tags of their
 * own: they run together. Some tensors may be in place and others not; no out may overlap another out or a
 * tensor's in but its own, ins may overlap each other. All of that is checked. The tensors' counts, in order,
 * are equal on all members: WHIM_E_MISMATCH tells of others, although only their sum matters to the result. A
 * list of one tensor is the same as whim_all_reduce of it. The runs of the op's info are of elements of all
 * tensors behind each other: element e is element e - (the counts of the tensors before) of the first tensor
 * for which that is less than its count. Otherwise as whim_all_reduce. */
WHIM_API WHIM_MUST_CHECK whim_result whim_all_reduce_tensors(whim_group* group, const whim_tensor* tensors,
                                                             size_t tensors_len, uint32_t dtype,
                                                             uint32_t reduce,
                                                             const whim_all_reduce_options* options,
                                                             whim_op** op);

/* Options of the collectives that weigh nothing; each field as in whim_all_reduce_options. */
typedef struct whim_collective_options {
    uint32_t struct_size;
    uint32_t min_contributors;
    uint64_t tag;
    uint64_t round;
    uint32_t grace_ms;
    uint32_t budget_ms;
    uint32_t priority;
    uint32_t share;
    /* Of whim_broadcast and whim_all_gather: f32 only; what was given, too, is then what the codec made of it
     * in the result. The others refuse one. */
    const char* codec;
    /* Of whim_all_gather, as in whim_all_reduce_options; NULL for the others. */
    const uint64_t* counts;
    uint32_t counts_len;
    uint32_t reserved; /* zero */
} whim_collective_options;

/* clang-format off */
#define WHIM_COLLECTIVE_OPTIONS_INIT {sizeof(whim_collective_options), 0, 0, 0, 0, 0, 0, 0, NULL, NULL, 0, 0}
/* clang-format on */

/* Copies the buffer of the member of birth rank source_rank into everybody's. min_contributors is not used.
 * Results as for whim_all_reduce; of the op also WHIM_E_SOURCE_LOST when the source is gone and nobody has
 * all its data: the buffer then holds chunks of both. A source_rank outside the round: WHIM_E_INVALID of the
 * op. */
WHIM_API WHIM_MUST_CHECK whim_result whim_broadcast(whim_group* group, void* buffer, size_t count,
                                                    uint32_t dtype, uint32_t source_rank,
                                                    const whim_collective_options* options, whim_op** op);

/* Puts the inputs of all members behind each other into everybody's out, in rank order. Without counts each
 * has `count` elements and out has room for world size * count; with counts this member gives counts[its
 * rank]. In place: in points to this member's part of out. A member's death loses its part only where no
 * survivor has it: there the result is zeros, and whim_op_get_contributor_run gives a set without members;
 * all survivors have the same. min_contributors is not used. Inputs are not looked at, but with a codec: an
 * element that it does not hold leaves this member's part out. Results as for whim_all_reduce; of the op
 * WHIM_E_INVALID when counts do not fit the round or the buffers. */
WHIM_API WHIM_MUST_CHECK whim_result whim_all_gather(whim_group* group, const void* in, void* out,
                                                     size_t count, uint32_t dtype,
                                                     const whim_collective_options* options, whim_op** op);

/* Reduces the inputs of all members and gives each its own part of the result, in rank order. Without counts
 * each part has `count` elements and in has world size * count; with counts this member gets counts[its
 * rank]. In place: out points to this member's part of in, and nothing else is written. Reductions, weights,
 * codecs and contributor sets as for whim_all_reduce; the result is not encoded, for only its owner has it. A
 * member's death leaves its part unmade, and its contribution out of what it had not delivered. A member that
 * is left out of the op gets no part: WHIM_E_EXCLUDED. The runs of the op's info are of the elements of out.
 * Results as for whim_all_reduce and whim_all_gather. */
WHIM_API WHIM_MUST_CHECK whim_result whim_reduce_scatter(whim_group* group, const void* in, void* out,
                                                         size_t count, uint32_t dtype, uint32_t reduce,
                                                         const whim_all_reduce_options* options,
                                                         whim_op** op);

/* Completes once every living member of the round has called it. Results as for whim_all_reduce. */
WHIM_API WHIM_MUST_CHECK whim_result whim_barrier(whim_group* group, const whim_collective_options* options,
                                                  whim_op** op);

enum whim_agree_how {
    WHIM_AGREE_MAX = 0,
    WHIM_AGREE_MIN = 1,
    WHIM_AGREE_MAJORITY = 2, /* of each value the one most members hold; ties to the smallest */
    WHIM_AGREE_SUM = 3       /* wraps */
};

/* Settles `count` small values among all members; one contributor set, the same on all. in == out is fine. Up
 * to 512 values take one round trip from when the last member has called it. Results as for whim_all_reduce.
 */
WHIM_API WHIM_MUST_CHECK whim_result whim_agree(whim_group* group, const int64_t* in, int64_t* out,
                                                size_t count, uint32_t how,
                                                const whim_collective_options* options, whim_op** op);

WHIM_END_DECLS

#endif
