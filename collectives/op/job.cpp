// Runs one job.
#include "collectives/op/job.h"

#include <algorithm>

#include "base/assert.h"
#include "collectives/kernels/mix.h"
#include "collectives/op/segments.h"

namespace whim::op {
namespace {

std::span<const float> floats(ByteSpan bytes) {
    return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}
std::span<float> floats(MutableByteSpan bytes) {
    return {reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float)};
}

MutableByteSpan room_in(Bytes& scratch, size_t bytes) {
    if (scratch.size() < bytes) scratch.resize(bytes);
    return MutableByteSpan(scratch).first(bytes);
}

void scan(const Job& job) {
    size_t before = 0;
    for (const FoldInput& input : job.inputs) {
        const std::optional<size_t> refused =
            job.coding ? job.coding->codec().first_refused({.values = floats(input.bytes)})
                       : first_non_finite(job.dtype, input.bytes);
        if (refused) return static_cast<void>(job.outcome->refused_element = before + *refused);
        before += input.bytes.size() / dtype_bytes(job.dtype);
    }
}

// This peer's own was looked at before the op began.
std::optional<Coding::Refusal> first_not_finite(const Job& job) {
    for (size_t i = 0; i < job.inputs.size(); ++i) {
        if (job.ranks[i] == job.self) continue;
        if (const auto at = first_non_finite(job.dtype, job.inputs[i].bytes))
            return Coding::Refusal{job.ranks[i], fail(Code::E_PROTOCOL, "element " + std::to_string(*at) +
                                                                            " of it is not finite")};
    }
    return std::nullopt;
}

void fold_custom(const Job& job, Scratch& scratch) {
    if (job.finite) job.outcome->refusal = first_not_finite(job);
    if (job.outcome->refusal) return;
    const Contributions in{.dtype = job.dtype, .inputs = job.inputs, .ranks = job.ranks};
    if (const Status reduced = job.reducer->reduce(in, job.out, scratch.sums); !reduced.ok())
        job.outcome->refusal = Coding::Refusal{std::nullopt, reduced.error()};
}

void encode(const Job& job) {
    const auto bytes = job.coding->contribute(floats(job.inputs[0].bytes), job.first, {job.self, job.step},
                                              job.encoded, job.byte_ns);
    if (bytes.ok()) job.outcome->bytes = *bytes;
    else job.outcome->refusal = Coding::Refusal{std::nullopt, bytes.error()};
}

// What somebody sent was refused. A codec of the application that refuses what this peer itself encoded is
// to blame, not the sender.
Coding::Refusal judged(const Job& job, const Coding::Refusal& refusal, ByteSpan own) {
    if (!refusal.rank) return refusal;
    if (*refusal.rank == job.self) return Coding::own_refusal(refusal.why);
    if (own.empty()) return refusal;
    const Status sound = job.coding->codec().check(own, job.out.size() / sizeof(float));
    if (sound.ok()) return refusal;
    return Coding::own_refusal(sound.error());
}

void fold_coded(const Job& job, Scratch& scratch) {
    const std::span<float> out = floats(job.out);
    const size_t own_bytes = job.coding->contribution_bytes_max(out.size());
    const MutableByteSpan room = room_in(scratch.sums, job.out.size() + own_bytes);
    const MutableByteSpan sums = room.first(job.out.size());
    const MutableByteSpan own = room.subspan(job.out.size());
    ByteSpan own_encoded;
    std::vector<Coding::Contribution> contributions;
    for (size_t i = 0; i < job.inputs.size(); ++i) {
        ByteSpan bytes = job.inputs[i].bytes;
        if (job.ranks[i] == job.self) {
            const double byte_ns = job.coding->passes_on() ? job.byte_ns : 0;
            const auto made = job.coding->contribute(floats(bytes), job.first, {job.self}, own, byte_ns);
            if (!made.ok()) {
                job.outcome->refusal = Coding::Refusal{std::nullopt, made.error()};
                return;
            }
            bytes = own_encoded = own.first(*made);
        }
        contributions.push_back({job.ranks[i], bytes, job.inputs[i].weight});
    }
    const Coding::Made made =
        job.coding->fold(contributions, job.first, floats(sums), job.encoded, out, job.byte_ns);
    job.outcome->bytes = made.bytes;
    if (made.refusal) job.outcome->refusal = judged(job, *made.refusal, own_encoded);
}

void mix(const Job& job) {
    std::vector<kernels::MixInput> neighbours;
    for (size_t i = 1; i < job.inputs.size(); ++i)
        neighbours.push_back({job.inputs[i].bytes, job.inputs[i].weight});
    kernels::mix({.dtype = job.dtype,
                  .own = job.inputs[0].bytes,
                  .inputs = neighbours,
                  .omega = job.omega,
                  .previous = job.previous},
                 job.out);
}

// One neighbour after the other, so that room for three chunks is enough, and out last.
void mix_coded(const Job& job, Scratch& scratch) {
    const size_t bytes = job.out.size();
    const MutableByteSpan room = room_in(scratch.sums, 3 * bytes);
    const MutableByteSpan shown = room.first(bytes), theirs = room.subspan(bytes, bytes);
    const MutableByteSpan sum = room.subspan(2 * bytes, bytes);
    const Codec& codec = job.coding->codec();
    if (const Status ok = codec.decode(job.own_encoded, floats(shown)); !ok.ok()) {
        job.outcome->refusal = Coding::own_refusal(ok.error());
        return;
    }
    ByteSpan own = job.inputs[0].bytes;
    for (size_t i = 1; i < job.inputs.size(); ++i) {
        if (const Status ok = codec.decode(job.inputs[i].bytes, floats(theirs)); !ok.ok()) {
            job.outcome->refusal = Coding::refusal_of(job.ranks[i - 1], ok.error());
            return;
        }
        const kernels::MixInput input{theirs, job.inputs[i].weight};
        kernels::MixStep step{.own = own, .shown = shown, .inputs = {&input, 1}};
        own = sum;
        if (i + 1 < job.inputs.size()) {
            kernels::mix(step, sum);
            continue;
        }
        step.omega = job.omega;
        step.previous = job.previous;
        kernels::mix(step, job.out);
    }
}

void run_whole(const Job& job, Scratch& scratch) {
    switch (job.kind) {
        case JobKind::fold:
            if (job.reducer) return fold_custom(job, scratch);
            return fold(job.reduce, job.dtype, job.inputs, job.out);
        case JobKind::partial: return fold_partial_avg(job.inputs, job.out);
        case JobKind::root: return fold_partials(job.inputs, job.weight_sum, job.out);
        case JobKind::scan: return scan(job);
        case JobKind::spread: return scatter(job.inputs[0].bytes, job.out_pieces);
        case JobKind::encode: return encode(job);
        case JobKind::fold_coded: return fold_coded(job, scratch);
        case JobKind::mix: return job.coding ? mix_coded(job, scratch) : mix(job);
    }
}

template <class Span> size_t bytes_of(const std::vector<Span>& pieces) {
    size_t bytes = 0;
    for (const Span piece : pieces) bytes += piece.size();
    return bytes;
}

bool folds(const Job& job) {
    if (job.reducer) return false;  // which may look at the whole chunk
    return job.kind == JobKind::fold || job.kind == JobKind::partial || job.kind == JobKind::root;
}

// Element by element, so one place of this peer's own input after the other.
void fold_pieces(const Job& job, Scratch& scratch) {
    Job part = job;
    size_t at = 0;
    for (const ByteSpan piece : job.in_pieces) {
        for (size_t i = 0; i < job.inputs.size(); ++i)
            part.inputs[i].bytes = i == job.own ? piece : job.inputs[i].bytes.subspan(at, piece.size());
        part.out = job.out.subspan(at, piece.size());
        run_whole(part, scratch);
        at += piece.size();
    }
}

}  // namespace

size_t Job::work_bytes() const {
    if (kind == JobKind::fold_coded || (kind == JobKind::mix && coding))
        return (inputs.size() + 1) * out.size();
    size_t bytes = bytes_of(in_pieces);
    for (const FoldInput& input : inputs) bytes += input.bytes.size();
    return bytes;
}

void run_job(const Job& job, Scratch& scratch) {
    if (job.in_pieces.empty()) {
        run_whole(job, scratch);
    } else if (folds(job)) {
        fold_pieces(job, scratch);
    } else {
        Job packed = job;
        packed.inputs[job.own].bytes = room_in(scratch.packed, bytes_of(job.in_pieces));
        gather(job.in_pieces, room_in(scratch.packed, bytes_of(job.in_pieces)));
        run_whole(packed, scratch);
    }
    const bool refused = job.outcome && job.outcome->refusal;
    if (job.kind != JobKind::spread && !job.out_pieces.empty() && !refused) scatter(job.out, job.out_pieces);
}

}  // namespace whim::op
