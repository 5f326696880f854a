/* Codecs and reducers of your own: tables of functions, registered with a group under a name.
 *
 * A codec makes bytes of f32 elements and elements of bytes; ops use it when their `codec` option names it,
 * wherever a codec of the library could stand, "+zstd" behind it included. A reducer makes one result of n
 * contributions; ops use it with WHIM_CUSTOM as reduction and its name as `reducer` option. All members
 * register the same: names and parameters are part of what members agree on. Where one member lacks it, or
 * has it with other parameters, the op ends for all with WHIM_E_MISMATCH, and the detail says who lacks what.
 *
 * All members must get the same bits from the same input, on every machine: use no random numbers but those
 * made of `seed` and `stream`, no time, no addresses, no global state, no -ffast-math, and mind that the
 * compiler may fuse a product and a sum (-ffp-contract=off). whim_codec_conformance and
 * whim_reducer_conformance try that and more; call them in your tests.
 *
 * Thread-safety: the library calls the functions from its own threads, several at once. They must not block,
 * not call functions of this library but for whim_result_name, and not leave by longjmp or a C++ exception.
 * The functions below may be called from any thread.
 * Ownership: tables and texts are copied; `context` stays yours, and in place until `release` is called with
 * it, or, without one, until whim_group_destroy has returned.
 *
 *     whim_codec codec = WHIM_CODEC_INIT;
 *     codec.name = "my-codec";
 *     codec.bytes_max = my_bytes_max;
 *     codec.encode = my_encode;
 *     codec.decode = my_decode;
 *     if (whim_group_add_codec(group, &codec) < 0) return 1;
 *     options.codec = "my-codec";
 *     result = whim_all_reduce(group, x, x, n, WHIM_F32, WHIM_AVG, &options, &op); */
#ifndef WHIMBREL_CUSTOM_H
#define WHIMBREL_CUSTOM_H

#include <stddef.h>
#include <stdint.h>

#include "whimbrel/collectives.h"
#include "whimbrel/group.h"
#include "whimbrel/status.h"

WHIM_BEGIN_DECLS

/* What is encoded. Later versions may add members at the end. */
typedef struct whim_encode_input {
    uint32_t struct_size;
    uint32_t reserved;
    const float* values; /* finite, magnitudes up to magnitude_max */
    size_t count;
    /* Place of values[0] in its tensor: a multiple of cut_elements. */
    uint64_t first;
    /* For random numbers, made of these two and an element's place: the same whenever this contribution is
     * encoded, and others for each member, op and step of gossip. */
    uint64_t seed, stream;
} whim_encode_input;

enum whim_codec_flags {
    /* Most elements decode to zero. What members get is then not the encoded result but all contributions,
     * which each of them adds up (docs/reference/codecs.md). */
    WHIM_CODEC_SPARSE = 1,
    /* What an element decodes to may depend on all that is encoded with it: a scale for the whole chunk, say.
     * cut_elements is 0. */
    WHIM_CODEC_WHOLE = 2
};

/* A codec. Any function may get a count of 0 from whim_codec_conformance; ops never ask that. */
typedef struct whim_codec {
    uint32_t struct_size;
    uint32_t flags; /* of whim_codec_flags */
    /* Lower-case letters, digits and at least one hyphen within, at most 40 bytes: "my-codec". Names without
     * a hyphen are the library's. */
    const char* name;
    /* What else decides what the bytes mean, a version perhaps: at most 64 letters, digits and -_.=,/ such as
     * "v=2,bits=3". Members with other parameters do not match. NULL: "". */
    const char* parameters;
    /* Given to every function. */
    void* context;
    /* A tensor may be encoded in pieces that begin at multiples of this, and each element decodes as within
     * the whole: a multiple of 16 up to 65536. Chunks are cut there. 0: 16, unless WHIM_CODEC_WHOLE. */
    uint32_t cut_elements;
    /* The largest magnitude that can be encoded: an input beyond counts as non-finite (non_finite of the
     * op), a result beyond ends the op. 0: the largest float. */
    float magnitude_max;
    /* Most bytes that `count` elements take: the same each time, and never less for more elements. */
    size_t (*bytes_max)(void* context, size_t count);
    /* Writes in->count elements to out, which has room for out_size = bytes_max(count) bytes, and how many
     * bytes that are to *bytes. Every input as whim_encode_input says can be encoded: anything but WHIM_OK
     * ends the op for all with WHIM_E_BROKEN_CONTRACT (of gossip, for this peer). */
    whim_result (*encode)(void* context, const whim_encode_input* in, void* out, size_t out_size,
                          size_t* bytes);
    /* Writes the elements. The bytes come from the network, from anybody: it reads none beyond bytes_len,
     * which is at most bytes_max(count), and answers anything but WHIM_OK where encode cannot have made them
     * of `count` elements, in particular when there are too few, too many, or an element would not be finite.
     * Whoever sent such bytes is cut off. Alignment of bytes: none. */
    whim_result (*decode)(void* context, const void* bytes, size_t bytes_len, float* out, size_t count);
    /* The same, but adds: acc[i] = acc[i] + weight * element, the product rounded before the sum. For codecs
     * that do this faster than decoding and adding. NULL: decode, then add. */
    whim_result (*accumulate)(void* context, const void* bytes, size_t bytes_len, float weight, float* acc,
                              size_t count);
    /* Called once when the library needs the context no more, within whim_group_destroy. NULL: not. */
    void (*release)(void* context);
} whim_codec;

/* clang-format off */
#define WHIM_CODEC_INIT \
    {sizeof(whim_codec), 0, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL}
/* clang-format on */

/* Makes a codec known to the group's ops from now on. It cannot be taken back. At run time its results are
 * watched: what writes beyond its room, breaks its own bound, fails, or refuses what it made itself ends the
 * op with WHIM_E_BROKEN_CONTRACT and a detail that says so. Results: WHIM_OK; WHIM_E_INVALID (NULL, a member
 * that is out of range, a name that is taken: the detail says which); WHIM_E_STRUCT_SIZE. Then release is not
 * called. Does not block. */
WHIM_API WHIM_MUST_CHECK whim_result whim_group_add_codec(whim_group* group, const whim_codec* codec);

/* What is reduced: inputs_len contributions of `count` elements, in rank order, aligned as their dtype. With
 * a codec they are what it decoded. Later versions may add members at the end. */
typedef struct whim_reduce_input {
    uint32_t struct_size;
    uint32_t dtype; /* whim_dtype */
    size_t count;
    const void* const* inputs;
    const float* weights;  /* as the members gave them: finite, not negative, all may be zero */
    const uint32_t* ranks; /* whose each is: ranks of the round the op belongs to */
    uint32_t inputs_len;   /* at least min_contributors */
    uint32_t reserved;
} whim_reduce_input;

enum whim_reducer_flags {
    /* An element of the result depends on that element of the inputs alone. Otherwise it may depend on all
     * of its chunk: then a buffer's chunks follow from its length, the number of members and chunk_bytes. */
    WHIM_REDUCER_ELEMENTWISE = 1,
    /* One contributor set for the whole op, as `uniform` of its options. */
    WHIM_REDUCER_UNIFORM = 2
};

/* A reducer: a fold of all contributions at once, so that it can be a median, or leave out outliers. */
typedef struct whim_reducer {
    uint32_t struct_size;
    uint32_t flags;         /* of whim_reducer_flags */
    const char* name;       /* as of a codec: "my-median" */
    const char* parameters; /* as of a codec */
    void* context;
    uint32_t dtypes; /* 1u << WHIM_F32 and so on, for each it takes. 0: f32 alone */
    /* Fewer contributors end the op with WHIM_E_TOO_FEW, as min_contributors of its options does; the larger
     * counts. 0: 1. */
    uint32_t min_contributors;
    /* Writes `count` elements to out, which overlaps no input. Anything but WHIM_OK ends the op for all with
     * WHIM_E_BROKEN_CONTRACT. Called for each chunk, by the member that roots it; NaN and infinities occur
     * among the inputs only with WHIM_NON_FINITE_ALLOW: a member that sends some otherwise breaks the
     * protocol, and is cut off. All members say the same of it, or the op ends with WHIM_E_MISMATCH. */
    whim_result (*reduce)(void* context, const whim_reduce_input* in, void* out);
    void (*release)(void* context); /* as of a codec */
} whim_reducer;

/* clang-format off */
#define WHIM_REDUCER_INIT {sizeof(whim_reducer), 0, NULL, NULL, NULL, 0, 0, NULL, NULL}
/* clang-format on */

/* Makes a reducer known to the group's ops from now on. Results as for whim_group_add_codec. Of an op with it
 * also: WHIM_E_UNSUPPORTED (a dtype that it does not take, a sparse codec, whose zeros are no values). */
WHIM_API WHIM_MUST_CHECK whim_result whim_group_add_reducer(whim_group* group, const whim_reducer* reducer);

/* Tries whether a codec keeps the contract above, with counts around its blocks, primes, zeros, subnormals,
 * extremes and payloads from strangers, between guard bytes; takes well below a second, on this thread. The
 * report, cut to report_size with its NUL, is one line that sums up and then, for each property that is
 * broken, one with its name and a small input that shows it:
 *   bytes_max   is the same each time and does not fall with more elements
 *   bounds      nothing is written outside the room given
 *   accepts     everything finite within magnitude_max is encoded
 *   length      encode says no more bytes than bytes_max
 *   repeats     the same call gives the same, whatever came in between, and every element is written
 *   opens       decode takes what encode made
 *   finite      and makes finite elements of it
 *   accumulate  adds exactly what decode gives, and refuses what it refuses
 *   truncated   a payload that is shorter or longer is refused
 *   hostile     random and altered bytes are refused or stand for finite elements
 *   pieces      what begins at a multiple of cut_elements decodes as within the whole
 * Run it under a sanitizer too: it sees what decode reads beyond its bytes. release is not called.
 * Results: WHIM_OK; WHIM_E_BROKEN_CONTRACT (the report says why; whim_last_error has it too); WHIM_E_INVALID
 * and WHIM_E_STRUCT_SIZE as for whim_group_add_codec. report NULL with report_size 0: none is wanted. */
WHIM_API WHIM_MUST_CHECK whim_result whim_codec_conformance(const whim_codec* codec, char* report,
                                                            size_t report_size);

/* The same for a reducer, with each of its dtypes and up to 7 contributors more than it needs:
 *   bounds       nothing is written outside the result
 *   accepts      every finite input is reduced
 *   inputs       they are left as they are
 *   repeats      the same call gives the same, whatever came in between, and every element is written
 *   elementwise  cut anywhere, the parts' results are those of the whole (of one that says it is) */
WHIM_API WHIM_MUST_CHECK whim_result whim_reducer_conformance(const whim_reducer* reducer, char* report,
                                                              size_t report_size);

WHIM_END_DECLS

#endif
