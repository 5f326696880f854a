// Work an op wants done off the protocol thread: a plain description over memory that stays valid and
// untouched until job_done. run_job() is the only thing that executes it, on a worker or inline.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/dtype.h"
#include "collectives/reducer/fold.h"

namespace whim::op {

enum class JobKind : uint8_t { fold, scan };

struct Job {
    uint64_t id = 0;
    JobKind kind = JobKind::fold;
    Dtype dtype = Dtype::f32;
    Reduce reduce = Reduce::sum;
    std::vector<FoldInput> inputs;  // fold: in birth rank order; scan: one
    MutableByteSpan out;            // fold only; may be inputs[i] for one i
    // scan: index of the first non-finite element, written by run_job and read after job_done.
    std::shared_ptr<std::optional<size_t>> non_finite;
};

void run_job(const Job& job);

}  // namespace whim::op
