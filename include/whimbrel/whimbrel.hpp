// The C API for C++17: handles that release themselves, and exceptions instead of result codes.
//
// Header-only, over whimbrel.h, whose documentation holds. Thread-safety: as in C; a handle object itself is
// moved and destroyed by one thread. Ownership: objects own their handles; buffers stay borrowed until the op
// completes, so keep them alive at least as long as an Op that may still run. An Op that goes away unfinished
// runs on. One that nobody holds, as below, is cancelled and waited for before its get() throws, so that the
// buffers are yours again when you catch.
//
//     whimbrel::Group group(options);
//     group.join().get(60000);
//     group.round_begin().get(60000);
//     group.all_reduce(x.data(), x.data(), x.size(), WHIM_F32, WHIM_AVG).get(60000);
//     group.round_commit().get(60000);
//
// Codecs and reducers of your own (custom.h) are objects here: a reducer is anything to be called with
// (const whim_reduce_input&, void* out); a codec has const members bytes_max(count),
// encode(const whim_encode_input&, void* out), which returns the bytes written, and
// decode(const void* bytes, size_t bytes_len, float* out, size_t count), which returns whether it takes them.
// What they throw counts as failure. A copy of theirs lives as long as the group.
//
//     whim_reducer median = WHIM_REDUCER_INIT;
//     median.name = "my-median";
//     group.add_reducer(median, [](const whim_reduce_input& in, void* out) { ... });
#ifndef WHIMBREL_WHIMBREL_HPP
#define WHIMBREL_WHIMBREL_HPP

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "whimbrel/whimbrel.h"

namespace whimbrel {

class Error : public std::runtime_error {
public:
    explicit Error(const whim_error& error)
        : std::runtime_error(std::string(whim_result_name(error.result)) + ": " +
                             (error.detail[0] ? error.detail : whim_result_text(error.result))),
          result_(error.result) {}
    whim_result result() const { return result_; }
    bool retryable() const { return whim_result_is_retryable(result_) != 0; }

private:
    whim_result result_;
};

// Throws when the result is an error, with the detail that this thread's last call left behind if that is
// what it failed with; passes it on otherwise.
inline whim_result check(whim_result result) {
    if (result >= 0) return result;
    whim_error error = WHIM_ERROR_INIT;
    whim_last_error(&error);
    if (error.result != result) {
        error = WHIM_ERROR_INIT;
        error.result = result;
    }
    throw Error(error);
}

class Op {
public:
    explicit Op(whim_op* op) : op_(op) {}
    whim_op* handle() const { return op_.get(); }

    // False: it still runs. Throws Error when it ended with one, or the wait was interrupted.
    bool wait(uint32_t timeout_ms) {
        const whim_result result = whim_op_wait(op_.get(), timeout_ms);
        if (result >= 0) return result == WHIM_OK;
        whim_error error = WHIM_ERROR_INIT;
        whim_op_error(op_.get(), &error);
        if (error.result != result) check(result);
        throw Error(error);
    }

    // Like wait, but throws WHIM_IN_PROGRESS as an Error that says what the op waits for when time is up.
    void get(uint32_t timeout_ms) && {
        const Ending ending{op_.get()};
        static_cast<Op&>(*this).get(timeout_ms);
    }
    void get(uint32_t timeout_ms) & {
        if (wait(timeout_ms)) return;
        whim_error error = WHIM_ERROR_INIT;
        error.result = WHIM_IN_PROGRESS;
        whim_op_waiting_for(op_.get(), error.detail, sizeof error.detail);
        throw Error(error);
    }

    void cancel() { check(whim_op_cancel(op_.get())); }

    whim_op_info info() const {
        whim_op_info info = WHIM_OP_INFO_INIT;
        check(whim_op_get_info(op_.get(), &info));
        return info;
    }
    whim_round_info round_info() const {
        whim_round_info info = WHIM_ROUND_INFO_INIT;
        check(whim_round_get_info(op_.get(), &info));
        return info;
    }
    whim_member round_member(whim_round_list list, uint32_t index) const {
        whim_member member = WHIM_MEMBER_INIT;
        check(whim_round_get_member(op_.get(), list, index, &member));
        return member;
    }
    whim_commit_info commit_info() const {
        whim_commit_info info = WHIM_COMMIT_INFO_INIT;
        check(whim_commit_get_info(op_.get(), &info));
        return info;
    }
    whim_contributor_set contributor_set(uint32_t set) const {
        whim_contributor_set out = WHIM_CONTRIBUTOR_SET_INIT;
        check(whim_op_get_contributor_set(op_.get(), set, &out));
        return out;
    }
    whim_member contributor(uint32_t set, uint32_t index) const {
        whim_member member = WHIM_MEMBER_INIT;
        check(whim_op_get_contributor(op_.get(), set, index, &member));
        return member;
    }
    whim_gossip_info gossip_info() const {
        whim_gossip_info info = WHIM_GOSSIP_INFO_INIT;
        check(whim_op_get_gossip_info(op_.get(), &info));
        return info;
    }
    whim_mix mix(uint32_t index) const {
        whim_mix mix = WHIM_MIX_INIT;
        check(whim_op_get_mix(op_.get(), index, &mix));
        return mix;
    }
    whim_member lost(uint32_t index) const {
        whim_member member = WHIM_MEMBER_INIT;
        check(whim_op_get_lost(op_.get(), index, &member));
        return member;
    }
    whim_contributor_run contributor_run(uint32_t index) const {
        whim_contributor_run run = WHIM_CONTRIBUTOR_RUN_INIT;
        check(whim_op_get_contributor_run(op_.get(), index, &run));
        return run;
    }

private:
    struct Release {
        void operator()(whim_op* op) const { whim_op_release(op); }
    };
    // Of a collective that still runs: cancels it, and waits until it borrows no buffers any more. Inside a
    // callback nothing can be waited for.
    struct Ending {
        whim_op* op;
        ~Ending() {
            whim_op_info info = WHIM_OP_INFO_INIT;
            if (whim_op_poll(op) != WHIM_IN_PROGRESS || whim_op_get_info(op, &info) < 0) return;
            if (info.kind < WHIM_OP_ALL_REDUCE) return;  // the others borrow none
            whim_op_cancel(op);
            whim_result result = WHIM_IN_PROGRESS;
            while (result == WHIM_IN_PROGRESS || result == WHIM_E_INTERRUPTED)
                result = whim_op_wait(op, 1000);
        }
    };
    std::unique_ptr<whim_op, Release> op_;
};

// Tables whose functions are an object's; the object stays where it is as long as the table is used.
template <class C> whim_codec codec_table(whim_codec table, const C& object) {
    table.context = const_cast<C*>(&object);
    table.bytes_max = [](void* context, size_t count) -> size_t {
        try {
            return static_cast<const C*>(context)->bytes_max(count);
        } catch (...) { return SIZE_MAX; }  // more than anything holds: refused
    };
    table.encode = [](void* context, const whim_encode_input* in, void* out, size_t,
                      size_t* bytes) -> whim_result {
        try {
            *bytes = static_cast<const C*>(context)->encode(*in, out);
            return WHIM_OK;
        } catch (...) { return WHIM_E_BROKEN_CONTRACT; }
    };
    table.decode = [](void* context, const void* bytes, size_t bytes_len, float* out,
                      size_t count) -> whim_result {
        try {
            const bool good = static_cast<const C*>(context)->decode(bytes, bytes_len, out, count);
            return good ? WHIM_OK : WHIM_E_PROTOCOL;
        } catch (...) { return WHIM_E_PROTOCOL; }
    };
    return table;
}

template <class F> whim_reducer reducer_table(whim_reducer table, const F& object) {
    table.context = const_cast<F*>(&object);
    table.reduce = [](void* context, const whim_reduce_input* in, void* out) -> whim_result {
        try {
            (*static_cast<const F*>(context))(*in, out);
            return WHIM_OK;
        } catch (...) { return WHIM_E_BROKEN_CONTRACT; }
    };
    return table;
}

// The report of the conformance test; throws Error with the first of it when a property is broken.
template <class C> std::string codec_conformance(const whim_codec& settings, const C& object) {
    const whim_codec table = codec_table(settings, object);
    std::string report(4096, '\0');
    check(whim_codec_conformance(&table, report.data(), report.size()));
    return report.c_str();
}

template <class F> std::string reducer_conformance(const whim_reducer& settings, const F& object) {
    const whim_reducer table = reducer_table(settings, object);
    std::string report(4096, '\0');
    check(whim_reducer_conformance(&table, report.data(), report.size()));
    return report.c_str();
}

class Group {
public:
    explicit Group(const whim_group_options& options) {
        whim_group* group = nullptr;
        check(whim_group_create(&options, &group));
        group_.reset(group);
    }
    whim_group* handle() const { return group_.get(); }

    Op join() {
        return start([&](whim_op** op) { return whim_group_join(handle(), op); });
    }
    Op leave(const char* reason = nullptr) {
        return start([&](whim_op** op) { return whim_group_leave(handle(), reason, op); });
    }
    Op round_begin(const whim_round_options* options = nullptr) {
        return start([&](whim_op** op) { return whim_round_begin(handle(), options, op); });
    }
    Op round_commit(const whim_commit_options* options = nullptr) {
        return start([&](whim_op** op) { return whim_round_commit(handle(), options, op); });
    }
    Op all_reduce(const void* in, void* out, size_t count, whim_dtype dtype, whim_reduce reduce,
                  const whim_all_reduce_options* options = nullptr) {
        return start([&](whim_op** op) {
            return whim_all_reduce(handle(), in, out, count, dtype, reduce, options, op);
        });
    }
    Op all_reduce(const std::vector<whim_tensor>& tensors, whim_dtype dtype, whim_reduce reduce,
                  const whim_all_reduce_options* options = nullptr) {
        return start([&](whim_op** op) {
            return whim_all_reduce_tensors(handle(), tensors.data(), tensors.size(), dtype, reduce, options,
                                           op);
        });
    }
    Op reduce_scatter(const void* in, void* out, size_t count, whim_dtype dtype, whim_reduce reduce,
                      const whim_all_reduce_options* options = nullptr) {
        return start([&](whim_op** op) {
            return whim_reduce_scatter(handle(), in, out, count, dtype, reduce, options, op);
        });
    }
    Op all_gather(const void* in, void* out, size_t count, whim_dtype dtype,
                  const whim_collective_options* options = nullptr) {
        return start(
            [&](whim_op** op) { return whim_all_gather(handle(), in, out, count, dtype, options, op); });
    }
    Op neighbour_average(const void* in, void* out, size_t count, whim_dtype dtype,
                         const whim_neighbour_options* options = nullptr) {
        return start([&](whim_op** op) {
            return whim_neighbour_average(handle(), in, out, count, dtype, options, op);
        });
    }
    Op pair_average(const void* in, void* out, size_t count, whim_dtype dtype, uint32_t partner_rank,
                    const whim_pair_options* options = nullptr) {
        return start([&](whim_op** op) {
            return whim_pair_average(handle(), in, out, count, dtype, partner_rank, options, op);
        });
    }
    Op broadcast(void* buffer, size_t count, whim_dtype dtype, uint32_t source_rank,
                 const whim_collective_options* options = nullptr) {
        return start([&](whim_op** op) {
            return whim_broadcast(handle(), buffer, count, dtype, source_rank, options, op);
        });
    }
    Op barrier(const whim_collective_options* options = nullptr) {
        return start([&](whim_op** op) { return whim_barrier(handle(), options, op); });
    }
    Op agree(const int64_t* in, int64_t* out, size_t count, whim_agree_how how,
             const whim_collective_options* options = nullptr) {
        return start([&](whim_op** op) { return whim_agree(handle(), in, out, count, how, options, op); });
    }

    // settings: name, parameters, flags and the numbers of the table; its functions are the object's.
    template <class C> void add_codec(const whim_codec& settings, C object) {
        auto owned = std::make_unique<C>(std::move(object));
        whim_codec table = codec_table(settings, *owned);
        table.release = [](void* context) { delete static_cast<C*>(context); };
        check(whim_group_add_codec(handle(), &table));
        (void)owned.release();
    }
    template <class F> void add_reducer(const whim_reducer& settings, F object) {
        auto owned = std::make_unique<F>(std::move(object));
        whim_reducer table = reducer_table(settings, *owned);
        table.release = [](void* context) { delete static_cast<F*>(context); };
        check(whim_group_add_reducer(handle(), &table));
        (void)owned.release();
    }

    void interrupt() { check(whim_group_interrupt(handle())); }
    void set_rate_limits(uint64_t rate_limit, uint64_t link_rate_limit = 0) {
        check(whim_group_set_rate_limits(handle(), rate_limit, link_rate_limit));
    }

    std::optional<whim_event> next_event() {
        whim_event event = WHIM_EVENT_INIT;
        if (check(whim_group_next_event(handle(), &event)) == WHIM_NO_EVENT) return std::nullopt;
        return event;
    }
    whim_group_info info() const {
        whim_group_info info = WHIM_GROUP_INFO_INIT;
        check(whim_group_get_info(handle(), &info));
        return info;
    }

private:
    struct Destroy {
        void operator()(whim_group* group) const {
            if (whim_group_destroy(group) != WHIM_E_WOULD_DEADLOCK) return;
            try {  // once the callback is over
                std::thread([group] { whim_group_destroy(group); }).detach();
            } catch (const std::system_error&) {}  // no further thread: it lives on
        }
    };
    template <class Start> static Op start(Start start) {
        whim_op* op = nullptr;
        check(start(&op));
        return Op(op);
    }
    std::unique_ptr<whim_group, Destroy> group_;
};

class ErrorFeedback {
public:
    explicit ErrorFeedback(size_t count, float beta = 1) {
        whim_error_feedback* feedback = nullptr;
        check(whim_error_feedback_create(count, beta, &feedback));
        feedback_.reset(feedback);
    }
    whim_error_feedback* handle() const { return feedback_.get(); }

    void apply(const float* update, float* out) { check(whim_error_feedback_apply(handle(), update, out)); }
    void stage(const Group& group, const Op& op) {
        check(whim_error_feedback_stage(handle(), group.handle(), op.handle()));
    }
    void commit() { check(whim_error_feedback_commit(handle())); }
    void abort() { check(whim_error_feedback_abort(handle())); }
    void save(float* residual) const { check(whim_error_feedback_save(handle(), residual)); }
    void restore(const float* residual) { check(whim_error_feedback_restore(handle(), residual)); }

private:
    struct Destroy {
        void operator()(whim_error_feedback* feedback) const { whim_error_feedback_destroy(feedback); }
    };
    std::unique_ptr<whim_error_feedback, Destroy> feedback_;
};

class BackupWorkers {
public:
    BackupWorkers(uint32_t members, double eta, const whim_backup_workers_options* options = nullptr) {
        whim_backup_workers* policy = nullptr;
        check(whim_backup_workers_create(members, eta, options, &policy));
        policy_.reset(policy);
    }
    whim_backup_workers* handle() const { return policy_.get(); }

    uint32_t choose() const { return whim_backup_workers_choose(handle()); }
    void resize(uint32_t members) { check(whim_backup_workers_resize(handle(), members)); }
    void observe(const whim_backup_workers_step& step) {
        check(whim_backup_workers_observe(handle(), &step));
    }

    std::vector<double> measure(const Op& op, double own_norm2, double mean_norm2, double loss) const {
        std::vector<double> list(whim_backup_workers_list_len(handle()));
        check(whim_backup_workers_measure(handle(), op.handle(), own_norm2, mean_norm2, loss, list.data()));
        return list;
    }
    void observe(const std::vector<double>& list) {
        if (list.size() != whim_backup_workers_list_len(handle()))
            throw std::invalid_argument("a list of another number of members");
        check(whim_backup_workers_observe_list(handle(), list.data()));
    }

private:
    struct Destroy {
        void operator()(whim_backup_workers* policy) const { whim_backup_workers_destroy(policy); }
    };
    std::unique_ptr<whim_backup_workers, Destroy> policy_;
};

}  // namespace whimbrel

#endif
