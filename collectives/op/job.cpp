// Runs one job.
#include "collectives/op/job.h"

#include <algorithm>

#include "base/assert.h"

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

void fold_custom(const Job& job, Scratch& scratch) {
    const Contributions in{.dtype = job.dtype, .inputs = job.inputs, .ranks = job.ranks};
    if (const Status reduced = job.reducer->reduce(in, job.out, scratch); !reduced.ok())
        job.outcome->refusal = Coding::Refusal{std::nullopt, reduced.error()};
}

void encode(const Job& job) {
    const auto bytes = job.coding->contribute(floats(job.inputs[0].bytes), job.first, job.self, job.encoded);
    if (bytes.ok()) job.outcome->bytes = *bytes;
    else job.outcome->refusal = Coding::Refusal{std::nullopt, bytes.error()};
}

// What somebody sent was refused. A codec of the application that refuses what this peer itself encoded is
// to blame, not the sender.
Coding::Refusal judged(const Job& job, const Coding::Refusal& refusal, ByteSpan own) {
    if (!refusal.rank || own.empty()) return refusal;
    const Status sound = job.coding->codec().check(own, job.out.size() / sizeof(float));
    if (sound.ok()) return refusal;
    return {std::nullopt,
            fail(Code::E_BROKEN_CONTRACT, "what this peer itself encoded: " + sound.error().detail)};
}

void fold_coded(const Job& job, Scratch& scratch) {
    const std::span<float> out = floats(job.out);
    const size_t own_bytes = job.coding->contribution_bytes_max(out.size());
    scratch.resize(std::max(scratch.size(), job.out.size() + own_bytes));
    const MutableByteSpan sums = MutableByteSpan(scratch).first(job.out.size());
    const MutableByteSpan own = MutableByteSpan(scratch).subspan(job.out.size(), own_bytes);
    ByteSpan own_encoded;
    std::vector<Coding::Contribution> contributions;
    for (size_t i = 0; i < job.inputs.size(); ++i) {
        ByteSpan bytes = job.inputs[i].bytes;
        if (job.ranks[i] == job.self) {
            const auto made = job.coding->contribute(floats(bytes), job.first, job.self, own);
            if (!made.ok()) {
                job.outcome->refusal = Coding::Refusal{std::nullopt, made.error()};
                return;
            }
            bytes = own_encoded = own.first(*made);
        }
        contributions.push_back({job.ranks[i], bytes, job.inputs[i].weight});
    }
    const Coding::Made made = job.coding->fold(contributions, job.first, floats(sums), job.encoded, out);
    job.outcome->bytes = made.bytes;
    if (made.refusal) job.outcome->refusal = judged(job, *made.refusal, own_encoded);
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
        case JobKind::fold:
            if (job.reducer) return fold_custom(job, scratch);
            return fold(job.reduce, job.dtype, job.inputs, job.out);
        case JobKind::partial: return fold_partial_avg(job.inputs, job.out);
        case JobKind::root: return fold_partials(job.inputs, job.weight_sum, job.out);
        case JobKind::scan: return scan(job);
        case JobKind::encode: return encode(job);
        case JobKind::fold_coded: return fold_coded(job, scratch);
    }
}

}  // namespace whim::op
