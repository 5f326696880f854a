// backup_workers.h: numbers are looked at here, the policy is collectives/op's.
#include "whimbrel/backup_workers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "api/handles.h"
#include "api/structs.h"
#include "runtime/saw.h"
#include "runtime/values.h"

using namespace whim;
using namespace whim::api;

struct whim_backup_workers {
    op::BackupWorkers policy;
};

namespace {

constexpr double kNumberMax = 1e150, kEtaMax = 1e6;
constexpr uint64_t kTimeMaxNs = 3'000'000'000'000'000'000;  // about a century
constexpr uint32_t kWindowMax = 1000;

enum class Sign { any, not_negative };

Status check_number(const char* what, double x, Sign sign) {
    if (!std::isfinite(x)) return fail(Code::E_NON_FINITE, fmt::format("{} is {}", what, x));
    if (std::abs(x) <= kNumberMax && (sign == Sign::any || x >= 0)) return {};
    return invalid(fmt::format("{} is {}", what, x));
}

// The first that is wrong.
Status first_of(std::initializer_list<Status> all) {
    for (const Status& status : all) {
        if (!status) return status.error();
    }
    return {};
}

// call(whim_backup_workers&) -> Status, on a handle that is not NULL.
template <class Handle, class Call> whim_result with(Handle* policy, Call&& call) noexcept {
    return carry_out([&]() -> Status {
        if (!policy) return invalid("policy is NULL");
        return call(policy->policy);
    });
}

Status observe(op::BackupWorkers& policy, const whim_backup_workers_step* given) {
    if (!given) return invalid("step is NULL");
    whim_backup_workers_step step;
    if (const Status read = read_options(given, step, "step"); !read) return read;
    const Status sound = first_of({check_range(step.contributors, 1, policy.members(), "contributors"),
                                   check_range(step.arrivals_len, 0, policy.members(), "arrivals_len"),
                                   check_range(step.closed_ns, 0, kTimeMaxNs, "closed_ns"),
                                   check_number("mean_norm2", step.mean_norm2, Sign::not_negative),
                                   check_number("variance", step.variance, Sign::not_negative),
                                   check_number("loss", step.loss, Sign::any)});
    if (!sound) return sound;
    if (step.arrivals_len > 0 && !step.arrivals_ns) return invalid("arrivals_ns is NULL");
    op::StepSeen seen;
    for (uint32_t i = 0; i < step.arrivals_len; ++i) {
        const uint64_t at = step.arrivals_ns[i];
        if (at > kTimeMaxNs) return invalid(fmt::format("arrival {} is {} ns", i, at));
        if (i > 0 && at < step.arrivals_ns[i - 1])
            return invalid(fmt::format("arrival {} does not ascend", i));
        seen.arrivals.push_back(Duration{static_cast<int64_t>(at)});
    }
    seen.closed = Duration{static_cast<int64_t>(step.closed_ns)};
    seen.contributors = step.contributors;
    seen.mean_norm2 = step.mean_norm2;
    seen.variance = step.variance;
    seen.loss = step.loss;
    policy.observe(seen);
    return {};
}

Status measure(const op::BackupWorkers& policy, const whim_op* op, double own_norm2, double mean_norm2,
               double loss, double* list) {
    if (!list) return invalid("list is NULL");
    const auto info = info_of<OpInfo>(op);
    if (!info) return info.error();
    if (unwrap(op)->poll() != Code::OK) return fail(Code::E_WRONG_STATE, "the op ended without a result");
    const wire::OpDescriptor& d = (*info)->descriptor;
    if (d.collective != Collective::all_reduce || d.reduce == Reduce::copy)
        return invalid("the op is no all-reduce");
    if ((*info)->birth.size() != policy.members())
        return invalid(
            fmt::format("the op has {} members, the policy {}", (*info)->birth.size(), policy.members()));
    const Status sound = first_of({check_number("own_norm2", own_norm2, Sign::not_negative),
                                   check_number("mean_norm2", mean_norm2, Sign::not_negative),
                                   check_number("loss", loss, Sign::any)});
    if (!sound) return sound;
    op::MemberSaw saw = saw_of(**info);
    saw.own_norm2 = own_norm2;
    saw.mean_norm2 = mean_norm2;
    saw.loss = loss;
    const std::vector<double> made = op::to_agree(saw, policy.members());
    std::copy(made.begin(), made.end(), list);
    return {};
}

Status observe_list(op::BackupWorkers& policy, const double* list) {
    if (!list) return invalid("list is NULL");
    const std::span<const double> mean(list, op::agreed_len(policy.members()));
    for (size_t i = 0; i < mean.size(); ++i) {
        if (const Status sound = check_number("a number", mean[i], Sign::any); !sound)
            return fail(sound.error().code, fmt::format("entry {} of the list: {}", i, sound.error().detail));
    }
    const std::optional<op::StepSeen> seen = op::from_agreed(mean, policy.members());
    if (!seen) return invalid("no mean of lists that measure made: nobody roots, or contributes");
    policy.observe(*seen);
    return {};
}

}  // namespace

extern "C" {

whim_result whim_backup_workers_create(uint32_t members, double eta,
                                       const whim_backup_workers_options* options,
                                       whim_backup_workers** policy) {
    return carry_out([&]() -> Status {
        if (!policy) return invalid("policy is NULL: the handle must go somewhere");
        whim_backup_workers_options o;
        if (const Status read = read_options(options, o, "options"); !read) return read;
        const uint32_t least = std::max(1u, o.min_contributors_min);
        const uint32_t window = o.window == 0 ? op::BackupWorkers::kWindowDefault : o.window;
        const Status sound = first_of({check_range(members, 1, limits::kMembersMax, "members"),
                                       check_range(least, 1, members, "min_contributors_min"),
                                       check_range(window, 1, kWindowMax, "window"),
                                       check_number("eta", eta, Sign::not_negative)});
        if (!sound) return sound;
        if (!(eta > 0 && eta <= kEtaMax)) return invalid(fmt::format("eta is {}", eta));
        *policy = new whim_backup_workers{op::BackupWorkers(members, least, eta, window)};
        return {};
    });
}

void whim_backup_workers_destroy(whim_backup_workers* policy) { delete policy; }

uint32_t whim_backup_workers_choose(const whim_backup_workers* policy) {
    return policy ? policy->policy.min_contributors() : 0;
}

whim_result whim_backup_workers_resize(whim_backup_workers* policy, uint32_t members) {
    return with(policy, [&](op::BackupWorkers& p) -> Status {
        if (const Status sound = check_range(members, 1, limits::kMembersMax, "members"); !sound)
            return sound;
        p.resize(members);
        return {};
    });
}

whim_result whim_backup_workers_observe(whim_backup_workers* policy, const whim_backup_workers_step* step) {
    return with(policy, [&](op::BackupWorkers& p) { return observe(p, step); });
}

size_t whim_backup_workers_list_len(const whim_backup_workers* policy) {
    return policy ? op::agreed_len(policy->policy.members()) : 0;
}

whim_result whim_backup_workers_measure(const whim_backup_workers* policy, const whim_op* op,
                                        double own_norm2, double mean_norm2, double loss, double* list) {
    return with(policy, [&](const op::BackupWorkers& p) {
        return measure(p, op, own_norm2, mean_norm2, loss, list);
    });
}

whim_result whim_backup_workers_observe_list(whim_backup_workers* policy, const double* list) {
    return with(policy, [&](op::BackupWorkers& p) { return observe_list(p, list); });
}

}  // extern "C"
