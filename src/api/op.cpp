// op.h: waiting, watching and cancelling any op, and how a collective went.
#include "whimbrel/op.h"

#include <vector>

#include "api/handles.h"
#include "api/members.h"
#include "runtime/system.h"

using namespace whim;
using namespace whim::api;

namespace {

Result<const ContributorSet*> set_of(const whim_op* op, uint32_t set) {
    const auto info = info_of<OpInfo>(op);
    if (!info) return info.error();
    const auto& sets = (*info)->contributors;
    if (set >= sets.size()) return invalid(fmt::format("set {} of {}", set, sets.size()));
    return &sets[set];
}

void fill(whim_op_info& out, const OpInfo& in) {
    out.excluded_self = in.excluded_self ? 1 : 0;
    out.round = in.op.round.value;
    out.tag = in.op.tag;
    out.instance = use_of(in.op);
    out.contributor_sets = static_cast<uint32_t>(in.contributors.size());
    out.contributor_runs = static_cast<uint32_t>(in.runs.size());
    out.epoch = in.epoch.value;
    out.birth_members = static_cast<uint32_t>(in.birth.size());
    out.gone_members = static_cast<uint32_t>(in.gone.size());
    out.bytes_sent = in.bytes_sent;
    out.bytes_received = in.bytes_received;
    out.chunks = in.chunks;
    out.chunks_final = in.chunks_final;
    out.chunks_resent = in.chunks_resent;
    out.chunks_refolded = in.chunks_refolded;
    out.chunks_adopted = in.chunks_adopted;
    out.partial_from_gone = in.partial_from_gone;
    // Names are literals, terminated.
    out.plan = plan::name_of(in.trees ? in.trees->kind : plan::Kind::direct).data();
}

whim_result wait_for(OpHandle* const* ops, size_t count, uint32_t timeout_ms, size_t& index) {
    runtime::Board* board = nullptr;
    for (size_t i = 0; i < count; ++i) {
        if (!ops[i]) continue;
        if (board && board != ops[i]->board().get())
            return remember(invalid("the ops belong to different groups"));
        board = ops[i]->board().get();
    }
    if (!board) return remember(invalid("there is no op to wait for"));
    const Code woken = board->wait_any({ops, count}, milliseconds(timeout_ms), index);
    if (woken == Code::E_WOULD_DEADLOCK) return remember({woken, "waiting inside a callback"});
    if (woken == Code::E_INTERRUPTED) return remember({woken, "the wait was interrupted; the op runs on"});
    return static_cast<whim_result>(woken);
}

}  // namespace

extern "C" {

whim_result whim_op_poll(const whim_op* op) {
    if (!op) return remember(invalid("op is NULL"));
    return static_cast<whim_result>(unwrap(op)->poll());
}

whim_result whim_op_wait(whim_op* op, uint32_t timeout_ms) {
    OpHandle* handle = unwrap(op);
    size_t index = 0;
    const whim_result woken = wait_for(&handle, 1, timeout_ms, index);
    return woken == WHIM_OK ? static_cast<whim_result>(handle->poll()) : woken;
}

whim_result whim_op_wait_any(whim_op* const* ops, size_t count, uint32_t timeout_ms, size_t* index) {
    if (!index) return remember(invalid("index is NULL"));
    if (!ops) return remember(invalid("ops is NULL"));
    return wait_for(reinterpret_cast<OpHandle* const*>(ops), count, timeout_ms, *index);
}

whim_result whim_op_on_complete(whim_op* op, whim_op_fn fn, void* user) {
    return carry_out([&]() -> Status {
        if (!op) return invalid("op is NULL");
        if (!fn) return invalid("fn is NULL");
        return unwrap(op)->on_complete([fn, user](OpHandle& done) { fn(wrap(&done), user); });
    });
}

whim_result whim_op_cancel(whim_op* op) {
    return carry_out([&]() -> Status {
        if (!op) return invalid("op is NULL");
        unwrap(op)->cancel();
        return {};
    });
}

void whim_op_release(whim_op* op) {
    if (op) unwrap(op)->release();
}

whim_result whim_op_error(const whim_op* op, whim_error* error) {
    return carry_out([&]() -> Status {
        if (!op) return invalid("op is NULL");
        whim_error value = WHIM_ERROR_INIT;
        const AppDone* done = unwrap(op)->done();
        value.result =
            done ? static_cast<whim_result>(done->code) : static_cast<whim_result>(WHIM_IN_PROGRESS);
        if (done) copy_text(value.detail, done->detail);
        return write_info(error, value, "error");
    });
}

whim_result whim_op_waiting_for(const whim_op* op, char* text, size_t text_size) {
    return carry_out([&]() -> Status {
        if (!op) return invalid("op is NULL");
        if (!text || text_size == 0) return invalid("there is no room for the text");
        copy_text(text, text_size, unwrap(op)->waiting_for());
        return {};
    });
}

whim_result whim_op_get_info(const whim_op* op, whim_op_info* info) {
    return carry_out([&]() -> Status {
        if (!op) return invalid("op is NULL");
        const OpHandle* handle = unwrap(op);
        whim_op_info value = WHIM_OP_INFO_INIT;
        value.kind = static_cast<uint32_t>(handle->kind());
        const AppDone* done = handle->done();
        value.result =
            done ? static_cast<whim_result>(done->code) : static_cast<whim_result>(WHIM_IN_PROGRESS);
        value.elapsed_ns = static_cast<uint64_t>(handle->elapsed(runtime::now()).ns);
        if (const auto* went = done ? std::get_if<OpInfo>(&done->info) : nullptr) fill(value, *went);
        return write_info(info, value, "info");
    });
}

whim_result whim_op_get_contributor_set(const whim_op* op, uint32_t set, whim_contributor_set* out) {
    return carry_out([&]() -> Status {
        const auto found = set_of(op, set);
        if (!found) return found.error();
        whim_contributor_set value = WHIM_CONTRIBUTOR_SET_INIT;
        value.members = static_cast<uint32_t>((*found)->members.size());
        value.elements = (*found)->elements;
        return write_info(out, value, "out");
    });
}

whim_result whim_op_get_contributor(const whim_op* op, uint32_t set, uint32_t index, whim_member* out) {
    return carry_out([&]() -> Status {
        const auto found = set_of(op, set);
        if (!found) return found.error();
        const auto& birth = (*info_of<OpInfo>(op))->birth;
        const auto& members = (*found)->members;
        return write_member(members, index, out,
                            [&](whim_member& m) { m.rank = rank_in(birth, members[index]); });
    });
}

whim_result whim_op_get_contributor_run(const whim_op* op, uint32_t index, whim_contributor_run* out) {
    return carry_out([&]() -> Status {
        const auto info = info_of<OpInfo>(op);
        if (!info) return info.error();
        const auto& runs = (*info)->runs;
        if (index >= runs.size()) return invalid(fmt::format("run {} of {}", index, runs.size()));
        whim_contributor_run value = WHIM_CONTRIBUTOR_RUN_INIT;
        value.set = runs[index].set;
        value.first = runs[index].first;
        value.count = runs[index].count;
        return write_info(out, value, "out");
    });
}

whim_result whim_op_get_gone(const whim_op* op, uint32_t index, whim_member* out) {
    return carry_out([&]() -> Status {
        const auto info = info_of<OpInfo>(op);
        if (!info) return info.error();
        const auto& [birth, gone] = std::tie((*info)->birth, (*info)->gone);
        if (index >= gone.size()) return invalid(fmt::format("index {} of a list of {}", index, gone.size()));
        const uint32_t rank = rank_in(birth, gone[index]);
        return write_member(gone, index, out, [&](whim_member& m) { m.rank = rank; });
    });
}

whim_result whim_op_get_arrivals(const whim_op* op, uint64_t* ns, uint32_t ns_len, uint64_t* closed_ns) {
    return carry_out([&]() -> Status {
        if (!ns) return invalid("ns is NULL");
        const auto info = info_of<OpInfo>(op);
        if (!info) return info.error();
        const auto& [arrivals, closed] = std::tie((*info)->arrivals, (*info)->closed);
        if (!closed) return fail(Code::E_WRONG_STATE, "this peer made no part of the result");
        if (ns_len < arrivals.size())
            return invalid(fmt::format("ns has room for {} of {} members", ns_len, arrivals.size()));
        for (size_t r = 0; r < arrivals.size(); ++r)
            ns[r] = arrivals[r] ? static_cast<uint64_t>(arrivals[r]->ns) : UINT64_MAX;
        if (closed_ns) *closed_ns = static_cast<uint64_t>(closed->ns);
        return {};
    });
}

}  // extern "C"
