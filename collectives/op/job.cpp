// Runs one job.
#include "collectives/op/job.h"

#include <algorithm>

#include "base/assert.h"
#include "collectives/kernels/mix.h"

namespace whim::op {
namespace {

std::span<const float> floats(ByteSpan bytes) {
    return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}
std::span<float> floats(MutableByteSpan bytes) {
    return {reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float)};
}

void scan(const Job& job) {
    const ByteSpan input = job.inputs[0].bytes;
    job.outcome->refused_element = job.coding ? job.coding->codec().first_refused({.values = floats(input)})
                                              : first_non_finite(job.dtype, input);
}

void fold_coded(const Job& job, Scratch& scratch) {
    const std::span<float> out = floats(job.out);
    const size_t own_bytes = job.coding->contribution_bytes_max(out.size());
    scratch.resize(std::max(scratch.size(), job.out.size() + own_bytes));
    const MutableByteSpan sums = MutableByteSpan(scratch).first(job.out.size());
    const MutableByteSpan own = MutableByteSpan(scratch).subspan(job.out.size(), own_bytes);
    std::vector<Coding::Contribution> contributions;
    for (size_t i = 0; i < job.inputs.size(); ++i) {
        ByteSpan bytes = job.inputs[i].bytes;
        if (job.ranks[i] == job.self)
            bytes = own.first(job.coding->contribute(floats(bytes), job.first, job.self, own));
        contributions.push_back({job.ranks[i], bytes, job.inputs[i].weight});
    }
    const Coding::Made made = job.coding->fold(contributions, job.first, floats(sums), job.encoded, out);
    job.outcome->bytes = made.bytes;
    job.outcome->refusal = made.refusal;
}

void mix(const Job& job) {
    std::vector<kernels::MixInput> neighbours;
    for (size_t i = 1; i < job.inputs.size(); ++i)
        neighbours.push_back({floats(job.inputs[i].bytes), job.inputs[i].weight});
    kernels::mix(floats(job.inputs[0].bytes), neighbours, floats(job.out));
    if (job.omega != 1.0f)
        kernels::chebyshev_step(job.omega, floats(job.out), floats(job.previous), floats(job.out));
}

}  // namespace

size_t Job::work_bytes() const {
    if (kind == JobKind::fold_coded) return (inputs.size() + 1) * out.size();
    size_t bytes = 0;
    for (const FoldInput& input : inputs) bytes += input.bytes.size();
    return bytes;
}

void run_job(const Job& job, Scratch& scratch) {
    switch (job.kind) {
        case JobKind::fold: fold(job.reduce, job.dtype, job.inputs, job.out); return;
        case JobKind::scan: scan(job); return;
        case JobKind::encode:
            job.outcome->bytes =
                job.coding->contribute(floats(job.inputs[0].bytes), job.first, job.self, job.encoded);
            return;
        case JobKind::fold_coded: fold_coded(job, scratch); return;
        case JobKind::mix: mix(job); return;
    }
}

}  // namespace whim::op
