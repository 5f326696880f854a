// Runs one job: a fold of contributions or a scan for non-finite input.
#include "collectives/op/job.h"

#include "base/assert.h"

namespace whim::op {

void run_job(const Job& job) {
    switch (job.kind) {
        case JobKind::fold: fold(job.reduce, job.dtype, job.inputs, job.out); return;
        case JobKind::scan:
            WHIM_ASSERT(job.inputs.size() == 1 && job.non_finite);
            *job.non_finite = first_non_finite(job.dtype, job.inputs[0].bytes);
            return;
    }
}

}  // namespace whim::op
