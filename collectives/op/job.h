// Work an op wants done off the protocol thread: a plain description over memory that stays valid and
// untouched until job_done. run_job() is the only thing that executes it, on a worker or inline.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/dtype.h"
#include "collectives/op/coding.h"
#include "collectives/reducer/custom_reducer.h"
#include "collectives/reducer/fold.h"

namespace whim::op {

// fold: inputs to out, by a reducer of the application if there is one. partial: the same, of averages
// without the division; root: with it, by the weights of all that is in the partial sums. scan: the first
// element of the inputs, behind each other, that may not leave. spread: inputs[0] to out_pieces. With coding,
// f32 only: encode: inputs[0], this peer's chunk, to encoded. fold_coded: contributions to encoded and out.
// mix: a step of gossip, inputs[0] being this peer's own values. With coding, those of neighbours are what
// they sent, and own_encoded is what they got.
enum class JobKind : uint8_t { fold, partial, root, scan, spread, encode, fold_coded, mix };

// Written by run_job, read after job_done.
struct JobOutcome {
    std::optional<size_t> refused_element;   // scan: not finite, or more than the codec holds
    size_t bytes = 0;                        // encode, fold_coded: written to encoded
    std::optional<Coding::Refusal> refusal;  // encode, folds, mix: nothing was written to out
};

struct Job {
    uint64_t id = 0;
    JobKind kind = JobKind::fold;
    Dtype dtype = Dtype::f32;
    Reduce reduce = Reduce::sum;
    std::vector<FoldInput> inputs = {};             // folds: in birth rank order
    float weight_sum = 0;                           // root
    MutableByteSpan out = {};                       // folds; may be inputs[i] for one i
    std::shared_ptr<JobOutcome> outcome = nullptr;  // all but a fold without a reducer, and spread
    ReducerPtr reducer = nullptr;                   // fold, of Reduce::custom
    bool finite = false;                            // which takes no NaN and no infinity from others

    // Memory of the application that lies in several places. Not empty: what inputs[own] is, and then that is
    // empty; where out is copied to in the end, unless the job is refused.
    std::vector<ByteSpan> in_pieces = {};
    size_t own = 0;
    std::vector<MutableByteSpan> out_pieces = {};

    std::shared_ptr<const Coding> coding = nullptr;  // scan: null unless the op has one
    uint64_t first = 0;                              // place of the chunk in the buffer, in elements
    uint32_t self = 0;                               // this peer's rank; its own input is not encoded yet
    std::vector<uint32_t> ranks = {};                // fold_coded, mix, reducer: whose each input is
    MutableByteSpan encoded = {};
    double byte_ns = 0;  // what a byte less of encoded is worth

    float omega = 1.0f;         // mix: Chebyshev's, 1 for a plain step
    ByteSpan previous = {};     // mix: the values before inputs[0], unless omega is 1
    ByteSpan own_encoded = {};  // mix, with coding
    uint32_t step = 0;          // encode: of gossip, how many steps the values have taken

    size_t work_bytes() const;  // elements it goes through, in bytes
};

// Room for what a job computes on its way, as large as the largest one wanted: whoever runs jobs keeps one
// for each thread, so that jobs that wait hold none.
struct Scratch {
    Bytes sums;    // of fold_coded; what mix decodes
    Bytes packed;  // an input that lies in several places, in one
};

void run_job(const Job& job, Scratch& scratch);
inline void run_job(const Job& job) {
    Scratch scratch;
    run_job(job, scratch);
}

}  // namespace whim::op
