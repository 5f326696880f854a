// What the opaque handles of the C API are, and how a started op is handed out.
#pragma once

#include <memory>

#include "api/call.h"
#include "api/custom.h"
#include "runtime/runtime.h"
#include "whimbrel/group.h"
#include "whimbrel/op.h"

struct whim_group {
    std::shared_ptr<whim::runtime::Runtime> runtime;
    whim::api::Customs customs{};
};

namespace whim::api {

using runtime::OpHandle;
using runtime::Runtime;

inline OpHandle* unwrap(whim_op* op) { return reinterpret_cast<OpHandle*>(op); }
inline const OpHandle* unwrap(const whim_op* op) { return reinterpret_cast<const OpHandle*>(op); }
inline whim_op* wrap(OpHandle* op) { return reinterpret_cast<whim_op*>(op); }

// Starts an op by start(Runtime&) -> Result<Runtime::Handle> and hands it to the application.
template <class Start> whim_result start_op(whim_group* group, whim_op** op, Start start) noexcept {
    return carry_out([&]() -> Status {
        if (!group) return invalid("group is NULL");
        if (!op) return invalid("op is NULL: the handle must go somewhere");
        Result<Runtime::Handle> started = start(*group->runtime);
        if (!started) return started.error();
        (*started)->hold();
        *op = wrap(started->get());
        return {};
    });
}

// The info of a kind that a completed op holds. E_WRONG_STATE: it runs, ended without, or is of another kind.
template <class Info> Result<const Info*> info_of(const whim_op* op) {
    if (!op) return invalid("op is NULL");
    const AppDone* done = unwrap(op)->done();
    if (!done) return fail(Code::E_WRONG_STATE, "the op still runs");
    if (const auto* info = std::get_if<Info>(&done->info)) return info;
    return fail(Code::E_WRONG_STATE,
                "the op holds no such information; its result is " + std::string(code_name(done->code)));
}

}  // namespace whim::api
