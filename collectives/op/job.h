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
// element of inputs[0] that may not leave. With coding, f32 only: encode: inputs[0], this peer's chunk, to
// encoded. fold_coded: contributions to encoded and out.
enum class JobKind : uint8_t { fold, partial, root, scan, encode, fold_coded };

// Written by run_job, read after job_done.
struct JobOutcome {
    std::optional<size_t> refused_element;   // scan: not finite, or more than the codec holds
    size_t bytes = 0;                        // encode, fold_coded: written to encoded
    std::optional<Coding::Refusal> refusal;  // encode, folds: nothing was written to out
};

struct Job {
    uint64_t id = 0;
    JobKind kind = JobKind::fold;
    Dtype dtype = Dtype::f32;
    Reduce reduce = Reduce::sum;
    std::vector<FoldInput> inputs = {};             // folds: in birth rank order
    float weight_sum = 0;                           // root
    MutableByteSpan out = {};                       // folds; may be inputs[i] for one i
    std::shared_ptr<JobOutcome> outcome = nullptr;  // all but a fold without a reducer
    ReducerPtr reducer = nullptr;                   // fold, of Reduce::custom

    std::shared_ptr<const Coding> coding = nullptr;  // scan: null unless the op has one
    uint64_t first = 0;                              // place of the chunk in the buffer, in elements
    uint32_t self = 0;                               // this peer's rank; its own input is not encoded yet
    std::vector<uint32_t> ranks = {};                // fold_coded, reducer: whose each input is
    MutableByteSpan encoded = {};

    size_t work_bytes() const;  // elements it goes through, in bytes
};

// Room for what a job computes on its way, as large as the largest one wanted: whoever runs jobs keeps one
// for each thread, so that jobs that wait hold none.
using Scratch = std::vector<std::byte>;

void run_job(const Job& job, Scratch& scratch);
inline void run_job(const Job& job) {
    Scratch scratch;
    run_job(job, scratch);
}

}  // namespace whim::op
