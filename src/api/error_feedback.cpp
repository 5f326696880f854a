// error_feedback.h: the residual of collectives/codec, staged from what an op says of itself.
#include "whimbrel/error_feedback.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/handles.h"
#include "collectives/codec/error_feedback.h"
#include "collectives/reducer/fold.h"
#include "runtime/float_env.h"
#include "runtime/sent.h"

using namespace whim;
using namespace whim::api;

struct whim_error_feedback {
    ErrorFeedback feedback;
    std::vector<float> input;  // of the last apply
    bool applied = false;
};

namespace {

// call(whim_error_feedback&) -> Status, on a handle that is not NULL.
template <class Handle, class Call> whim_result with(Handle* feedback, Call&& call) noexcept {
    return carry_out([&]() -> Status {
        if (!feedback) return invalid("feedback is NULL");
        return call(*feedback);
    });
}

Status stage(whim_error_feedback& f, whim_group* group, const whim_op* op) {
    if (!f.applied) return fail(Code::E_WRONG_STATE, "nothing was applied");
    const auto info = info_of<OpInfo>(op);
    if (!info) return info.error();
    if (unwrap(op)->poll() != Code::OK) return fail(Code::E_WRONG_STATE, "the op ended without a result");
    if (group && unwrap(op)->board().get() != &group->runtime->board())
        return invalid("the op is another group's");
    CodecPtr codec;
    if (const std::string& text = (*info)->descriptor.codec; !text.empty()) {
        Result<CodecPtr> found = group ? group->customs.codec(text) : parse_codec(text);
        if (!found && !group) return invalid("group is NULL: " + found.error().detail);
        if (!found) return found.error();
        codec = std::move(*found);
    }
    std::vector<float> sent(f.input.size());
    if (const Status known = sent_of(**info, codec, f.input, sent); !known) return known;
    f.feedback.stage(f.input, sent);
    return {};
}

}  // namespace

extern "C" {

whim_result whim_error_feedback_create(size_t count, float beta, whim_error_feedback** feedback) {
    return carry_out([&]() -> Status {
        if (!feedback) return invalid("feedback is NULL: the handle must go somewhere");
        if (!(beta >= 0 && beta <= 1)) return invalid("beta must be from 0 to 1");
        *feedback = new whim_error_feedback{ErrorFeedback(count, beta), std::vector<float>(count)};
        return {};
    });
}

void whim_error_feedback_destroy(whim_error_feedback* feedback) { delete feedback; }

whim_result whim_error_feedback_apply(whim_error_feedback* feedback, const float* update, float* out) {
    return with(feedback, [&](whim_error_feedback& f) -> Status {
        const size_t count = f.input.size();
        if (count > 0 && (!update || !out)) return invalid("update or out is NULL");
        f.feedback.drop();
        const UsualFloats usual;
        f.feedback.add_to({update, count}, f.input);
        std::copy(f.input.begin(), f.input.end(), out);
        f.applied = true;
        return {};
    });
}

whim_result whim_error_feedback_stage(whim_error_feedback* feedback, whim_group* group, const whim_op* op) {
    return with(feedback, [&](whim_error_feedback& f) {
        const UsualFloats usual;
        return stage(f, group, op);
    });
}

whim_result whim_error_feedback_commit(whim_error_feedback* feedback) {
    return with(feedback, [&](whim_error_feedback& f) -> Status {
        if (!f.feedback.staged() && !f.input.empty()) return fail(Code::E_WRONG_STATE, "nothing is staged");
        f.feedback.commit();
        f.applied = false;
        return {};
    });
}

whim_result whim_error_feedback_abort(whim_error_feedback* feedback) {
    return with(feedback, [&](whim_error_feedback& f) -> Status {
        f.feedback.drop();
        f.applied = false;
        return {};
    });
}

whim_result whim_error_feedback_save(const whim_error_feedback* feedback, float* residual) {
    return with(feedback, [&](const whim_error_feedback& f) -> Status {
        if (!residual && !f.input.empty()) return invalid("residual is NULL");
        const std::span<const float> from = f.feedback.residual();
        std::copy(from.begin(), from.end(), residual);
        return {};
    });
}

whim_result whim_error_feedback_restore(whim_error_feedback* feedback, const float* residual) {
    return with(feedback, [&](whim_error_feedback& f) -> Status {
        const size_t count = f.input.size();
        if (!residual && count > 0) return invalid("residual is NULL");
        const std::span<const float> given(residual, count);
        if (const auto at = first_non_finite(Dtype::f32, std::as_bytes(given)))
            return fail(Code::E_NON_FINITE, fmt::format("element {} of the residual is not finite", *at));
        f.feedback.restore(given);
        f.applied = false;
        return {};
    });
}

}  // extern "C"
