// collectives.h: buffers and options checked, then posted.
#include "whimbrel/collectives.h"

#include <cmath>
#include <string_view>

#include "api/handles.h"
#include "api/structs.h"

using namespace whim;
using namespace whim::api;
using runtime::OpKind;

namespace {

// Buffers of so many elements.
Status set_spans(PostOptions& post, const void* in, uint64_t in_count, void* out, uint64_t out_count) {
    const size_t size = dtype_bytes(post.dtype);
    const uint64_t most = std::max(in_count, out_count);
    if (most > SIZE_MAX / 2 / size) return invalid(fmt::format("count {} is more than memory holds", most));
    if (in_count > 0 && !in) return invalid("in is NULL");
    if (out_count > 0 && !out) return invalid("out is NULL");
    const auto from = reinterpret_cast<uintptr_t>(in), to = reinterpret_cast<uintptr_t>(out);
    if (most > 0 && (from % size || to % size))
        return invalid(
            fmt::format("a buffer of {} is not aligned to {} bytes", dtype_name(post.dtype), size));
    post.in = {static_cast<const std::byte*>(in), in_count * size};
    post.out = {static_cast<std::byte*>(out), out_count * size};
    return {};
}

// in == out is in place; anything else must not overlap.
Status set_buffers(PostOptions& post, const void* in, void* out, size_t count) {
    if (const Status ok = set_spans(post, in, count, out, count); !ok) return ok;
    const auto from = reinterpret_cast<uintptr_t>(in), to = reinterpret_cast<uintptr_t>(out);
    const size_t bytes = post.in.size();
    if (from != to && from < to + bytes && to < from + bytes)
        return invalid("in and out overlap; give the same pointer to work in place");
    return {};
}

Status set_tensors(PostOptions& post, const whim_tensor* tensors, size_t tensors_len) {
    if (tensors_len > 0 && !tensors) return invalid("tensors is NULL");
    if (tensors_len > limits::kTensorsPerOpMax)
        return invalid(fmt::format("{} tensors are more than {}", tensors_len, limits::kTensorsPerOpMax));
    const size_t size = dtype_bytes(post.dtype);
    size_t all = 0;
    for (size_t t = 0; t < tensors_len; ++t) {
        PostOptions one;
        one.dtype = post.dtype;
        const whim_tensor& tensor = tensors[t];
        if (const Status ok = set_spans(one, tensor.in, tensor.count, tensor.out, tensor.count); !ok)
            return invalid(fmt::format("tensor {}: {}", t, ok.error().detail));
        if (tensor.count > SIZE_MAX / 2 / size - all) return invalid("tensors of more than memory holds");
        all += tensor.count;
        post.tensors.push_back({one.in, one.out});
    }
    return {};
}

// Of an op with parts: `count` elements of this member. What the larger buffer has without counts is known
// once the round is; the engine looks for overlaps then.
Status set_parts(PostOptions& post, const void* in, void* out, size_t count, const uint64_t* counts,
                 uint32_t counts_len) {
    if (!counts != (counts_len == 0)) return invalid(counts ? "counts_len is 0" : "counts is NULL");
    if (counts_len > limits::kMembersMax)
        return invalid(fmt::format("counts_len {} is more than {}", counts_len, limits::kMembersMax));
    if (counts) post.parts.assign(counts, counts + counts_len);
    uint64_t all = 0;
    for (const uint64_t part : post.parts) {
        if (part > UINT64_MAX / 2 - all) return invalid("counts add up to more than memory holds");
        all += part;
    }
    const bool gathers = post.collective == Collective::all_gather;
    if (!counts && count > 0 && !(gathers ? out : const_cast<void*>(in)))
        return invalid(gathers ? "out is NULL" : "in is NULL");
    return gathers ? set_spans(post, in, count, out, all) : set_spans(post, in, all, out, count);
}

template <class Options> Status no_counts(const Options& options) {
    return options.counts || options.counts_len > 0 ? invalid("counts are for ops whose result has parts")
                                                    : Status{};
}

// What is agreed on is exact.
Status no_codec(const whim_collective_options& options) {
    const std::string_view text = options.codec ? options.codec : "";
    if (text.empty() || text == "none") return {};
    return fail(Code::E_UNSUPPORTED, fmt::format("codec {}: barriers and agree have none", text));
}

Status set_dtype(PostOptions& post, uint32_t dtype) {
    const auto known = dtype_from_int(dtype);
    if (!known) return invalid(fmt::format("dtype {} is unknown", dtype));
    post.dtype = *known;
    return {};
}

template <class Options> void set_common(PostOptions& post, const Options& options) {
    post.tag = options.tag;
    post.min_contributors = std::max(1u, options.min_contributors);
    post.grace_learnt = options.grace_ms == WHIM_GRACE_LEARNT;
    post.grace = milliseconds(post.grace_learnt ? 0 : options.grace_ms);
    post.budget = milliseconds(options.budget_ms);
    post.priority = options.priority;
    post.share = std::max(1u, options.share);
}

Status set_plan(PostOptions& post, const char* text) {
    const std::optional<plan::Wanted> wanted = plan::wanted_from(text ? text : "");
    if (!wanted) return invalid(fmt::format("plan {} is unknown: {}", text, plan::kWantedNames));
    post.plan = *wanted;
    return {};
}

Status set_reduction(PostOptions& post, const Customs& customs, uint32_t reduce, const char* reducer) {
    constexpr Reduce kReductions[] = {Reduce::sum, Reduce::avg, Reduce::min, Reduce::max, Reduce::custom};
    if (reduce >= std::size(kReductions)) return invalid(fmt::format("reduction {} is unknown", reduce));
    post.reduce = kReductions[reduce];
    if (post.reduce != Reduce::custom) {
        if (reducer) return invalid("reducer: it is for WHIM_CUSTOM");
        if (reduce_supports(post.reduce, post.dtype)) return {};
        return fail(Code::E_UNSUPPORTED, fmt::format("{} of {}: integers have no exact mean",
                                                     reduce_name(post.reduce), dtype_name(post.dtype)));
    }
    if (!reducer) return invalid("reducer: WHIM_CUSTOM needs the name of one");
    Result<ReducerPtr> found = customs.reducer(reducer);
    if (found.ok()) post.reducer = std::move(*found);
    else if (found.error().code == Code::E_MISMATCH) post.missing = found.error().detail;
    else return found.error();
    return {};
}

Status set_all_reduce(PostOptions& post, const Customs& customs, uint32_t reduce,
                      const whim_all_reduce_options& options) {
    if (const Status ok = set_reduction(post, customs, reduce, options.reducer); !ok) return ok;
    if (options.weight) post.weight = *options.weight;
    if (!std::isfinite(post.weight) || post.weight < 0)
        return fail(Code::E_WEIGHTS,
                    fmt::format("weight {}: it must be finite and not negative", post.weight));
    if (options.uniform > 1) return invalid(fmt::format("uniform {}: it is 0 or 1", options.uniform));
    if (options.non_finite > WHIM_NON_FINITE_ALLOW)
        return invalid(fmt::format("non_finite {} is unknown", options.non_finite));
    post.uniform = options.uniform == 1;
    post.non_finite = static_cast<NonFinitePolicy>(options.non_finite);
    set_common(post, options);
    if (const Status ok = set_codec(post, customs, options.codec); !ok) return ok;
    if (const Status ok = codec_holds(post); !ok) return ok;
    return {};
}

// set_memory: Status(PostOptions&), once the dtype is known.
template <class SetMemory>
whim_result start_all_reduce(whim_group* group, uint32_t dtype, uint32_t reduce,
                             const whim_all_reduce_options* options, whim_op** op, SetMemory set_memory) {
    return start_op(group, op, [&](Runtime& runtime) -> Result<Runtime::Handle> {
        whim_all_reduce_options given;
        PostOptions post;
        if (const Status ok = read_options(options, given, "options"); !ok) return ok.error();
        if (const Status ok = set_dtype(post, dtype); !ok) return ok.error();
        if (const Status ok = set_all_reduce(post, group->customs, reduce, given); !ok) return ok.error();
        if (const Status ok = no_counts(given); !ok) return ok.error();
        if (const Status ok = set_plan(post, given.plan); !ok) return ok.error();
        if (const Status ok = set_memory(post); !ok) return ok.error();
        return runtime.post(OpKind::all_reduce, Round{given.round}, post);
    });
}

static_assert(static_cast<int>(NonFinitePolicy::exclude) == WHIM_NON_FINITE_EXCLUDE);
static_assert(static_cast<int>(NonFinitePolicy::abort) == WHIM_NON_FINITE_ABORT);
static_assert(static_cast<int>(NonFinitePolicy::allow) == WHIM_NON_FINITE_ALLOW);
static_assert(static_cast<int>(Dtype::f32) == WHIM_F32 && static_cast<int>(Dtype::bf16) == WHIM_BF16);
static_assert(static_cast<int>(Dtype::i8) == WHIM_I8 && static_cast<int>(Dtype::u64) == WHIM_U64);

}  // namespace

extern "C" {

whim_result whim_all_reduce(whim_group* group, const void* in, void* out, size_t count, uint32_t dtype,
                            uint32_t reduce, const whim_all_reduce_options* options, whim_op** op) {
    return start_all_reduce(group, dtype, reduce, options, op,
                            [&](PostOptions& post) { return set_buffers(post, in, out, count); });
}

whim_result whim_all_reduce_tensors(whim_group* group, const whim_tensor* tensors, size_t tensors_len,
                                    uint32_t dtype, uint32_t reduce, const whim_all_reduce_options* options,
                                    whim_op** op) {
    return start_all_reduce(group, dtype, reduce, options, op,
                            [&](PostOptions& post) { return set_tensors(post, tensors, tensors_len); });
}

whim_result whim_reduce_scatter(whim_group* group, const void* in, void* out, size_t count, uint32_t dtype,
                                uint32_t reduce, const whim_all_reduce_options* options, whim_op** op) {
    return start_op(group, op, [&](Runtime& runtime) -> Result<Runtime::Handle> {
        whim_all_reduce_options given;
        PostOptions post;
        post.collective = Collective::reduce_scatter;
        if (const Status ok = read_options(options, given, "options"); !ok) return ok.error();
        if (const Status ok = set_dtype(post, dtype); !ok) return ok.error();
        if (const Status ok = set_all_reduce(post, group->customs, reduce, given); !ok) return ok.error();
        if (given.plan) return invalid("plan is for whim_all_reduce");
        const Status ok = set_parts(post, in, out, count, given.counts, given.counts_len);
        if (!ok) return ok.error();
        return runtime.post(OpKind::reduce_scatter, Round{given.round}, post);
    });
}

whim_result whim_all_gather(whim_group* group, const void* in, void* out, size_t count, uint32_t dtype,
                            const whim_collective_options* options, whim_op** op) {
    return start_op(group, op, [&](Runtime& runtime) -> Result<Runtime::Handle> {
        whim_collective_options given;
        PostOptions post;
        post.collective = Collective::all_gather;
        post.reduce = Reduce::copy;
        if (const Status ok = read_options(options, given, "options"); !ok) return ok.error();
        if (const Status ok = set_dtype(post, dtype); !ok) return ok.error();
        set_common(post, given);
        post.min_contributors = 1;
        const Status ok = set_parts(post, in, out, count, given.counts, given.counts_len);
        if (!ok) return ok.error();
        if (const Status coded = set_codec(post, group->customs, given.codec); !coded) return coded.error();
        return runtime.post(OpKind::all_gather, Round{given.round}, post);
    });
}

whim_result whim_broadcast(whim_group* group, void* buffer, size_t count, uint32_t dtype,
                           uint32_t source_rank, const whim_collective_options* options, whim_op** op) {
    return start_op(group, op, [&](Runtime& runtime) -> Result<Runtime::Handle> {
        whim_collective_options given;
        PostOptions post;
        if (const Status ok = read_options(options, given, "options"); !ok) return ok.error();
        if (const Status ok = no_counts(given); !ok) return ok.error();
        if (const Status ok = set_dtype(post, dtype); !ok) return ok.error();
        if (const Status ok = set_buffers(post, buffer, buffer, count); !ok) return ok.error();
        set_common(post, given);
        post.reduce = Reduce::copy;
        post.source = source_rank;
        post.min_contributors = 1;
        post.non_finite = NonFinitePolicy::allow;
        if (const Status ok = set_codec(post, group->customs, given.codec); !ok) return ok.error();
        return runtime.post(OpKind::broadcast, Round{given.round}, post);
    });
}

whim_result whim_barrier(whim_group* group, const whim_collective_options* options, whim_op** op) {
    return start_op(group, op, [&](Runtime& runtime) -> Result<Runtime::Handle> {
        whim_collective_options given;
        PostOptions post;
        if (const Status ok = read_options(options, given, "options"); !ok) return ok.error();
        if (const Status ok = no_counts(given); !ok) return ok.error();
        if (const Status ok = no_codec(given); !ok) return ok.error();
        set_common(post, given);
        post.dtype = Dtype::u8;
        post.reduce = Reduce::max;
        return runtime.post(OpKind::barrier, Round{given.round}, post);
    });
}

whim_result whim_agree(whim_group* group, const int64_t* in, int64_t* out, size_t count, uint32_t how,
                       const whim_collective_options* options, whim_op** op) {
    return start_op(group, op, [&](Runtime& runtime) -> Result<Runtime::Handle> {
        constexpr Reduce kHow[] = {Reduce::max, Reduce::min, Reduce::majority, Reduce::sum};
        whim_collective_options given;
        PostOptions post;
        if (const Status ok = read_options(options, given, "options"); !ok) return ok.error();
        if (const Status ok = no_counts(given); !ok) return ok.error();
        if (const Status ok = no_codec(given); !ok) return ok.error();
        if (how >= std::size(kHow)) return invalid(fmt::format("how {} is unknown", how));
        post.dtype = Dtype::i64;
        post.reduce = kHow[how];
        post.uniform = true;
        set_common(post, given);
        if (const Status ok = set_buffers(post, in, out, count); !ok) return ok.error();
        return runtime.post(OpKind::agree, Round{given.round}, post);
    });
}

}  // extern "C"
