// A whim_group in Python. Options come as keyword arguments; every start returns an Op.
#include "group.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "arguments.h"
#include "buffers.h"
#include "errors.h"
#include "op.h"
#include "tensors.h"
#include "whimbrel/collectives.h"
#include "whimbrel/events.h"
#include "whimbrel/group.h"
#include "whimbrel/round.h"

namespace whim_python {
namespace {

using py::literals::operator""_a;
using Text = std::optional<std::string>;

const char* text_or_null(const Text& text) { return text ? text->c_str() : nullptr; }

// -1: learnt (group.py). The longest is no end of waiting, and not the number that means learnt.
uint32_t grace_ms(double seconds) {
    if (seconds == -1.0) return WHIM_GRACE_LEARNT;
    return std::min(milliseconds("grace", seconds), WHIM_GRACE_LEARNT - 1);
}

// Groups whose last reference went away inside a callback, where the library refuses to destroy any: each is
// destroyed by a thread of its own, and join() waits for these before the interpreter ends.
class Graveyard {
public:
    void bury(whim_group* group) {
        const std::lock_guard lock(mutex_);
        threads_.emplace_back([group] { whim_group_destroy(group); });
    }
    void join() {
        std::vector<std::thread> threads;
        {
            const std::lock_guard lock(mutex_);
            threads.swap(threads_);
        }
        for (std::thread& thread : threads) thread.join();
    }

private:
    std::mutex mutex_;
    std::vector<std::thread> threads_;
};

Graveyard& graveyard() {
    static auto* one = new Graveyard;  // never destroyed: a thread may outlive static objects
    return *one;
}

// Calls may come from any thread. Those that release the GIL are counted, so that close() frees nothing they
// use; the others are over before close() can have the GIL.
class Group {
public:
    Group(const std::string& security, const Text& invite, const Text& run, const Text& coordinators,
          const Text& name, const Text& region, const Text& listen, const Text& advertise,
          const Text& identity_file, uint64_t fingerprint, uint32_t bulk_strands, uint32_t worker_threads,
          uint32_t chunk_bytes, uint64_t retain_bytes_max, uint64_t window_bytes, bool outbound_only,
          bool require_reachable, const std::string& same_host_path, const py::object& rate_limit,
          const py::object& link_rate_limit) {
        whim_group_options options = WHIM_GROUP_OPTIONS_INIT;
        options.security =
            choice("security", security, {{"tls", WHIM_SECURITY_TLS}, {"none", WHIM_SECURITY_NONE}});
        options.invite = text_or_null(invite);
        options.run = text_or_null(run);
        options.coordinators = text_or_null(coordinators);
        options.name = text_or_null(name);
        options.region = text_or_null(region);
        options.listen = text_or_null(listen);
        options.advertise = text_or_null(advertise);
        options.identity_file = text_or_null(identity_file);
        options.fingerprint = fingerprint;
        options.bulk_strands = bulk_strands;
        options.worker_threads = worker_threads;
        options.chunk_bytes = chunk_bytes;
        options.retain_bytes_max = retain_bytes_max;
        options.window_bytes = window_bytes;
        options.outbound_only = outbound_only ? 1 : 0;
        options.require_reachable = require_reachable ? 1 : 0;
        options.same_host_path = choice("same_host_path", same_host_path,
                                        {{"auto", WHIM_SAME_HOST_AUTO}, {"tcp", WHIM_SAME_HOST_TCP}});
        options.rate_limit = whole_number<uint64_t>("rate_limit", rate_limit);
        options.link_rate_limit = whole_number<uint64_t>("link_rate_limit", link_rate_limit);
        whim_result result;
        {
            const py::gil_scoped_release free;  // names may be looked up
            result = whim_group_create(&options, &group_);
        }
        check(result);
    }
    ~Group() {
        whim_group* group = std::exchange(group_, nullptr);
        if (group == nullptr) return;
        const py::gil_scoped_release free;
        if (whim_group_destroy(group) == WHIM_E_WOULD_DEADLOCK) graveyard().bury(group);
    }
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

    void close() {
        whim_group* group = std::exchange(group_, nullptr);  // no further calls begin
        if (group == nullptr) return;
        whim_result result;
        {
            const py::gil_scoped_release free;  // its callback thread may want the GIL before it can end
            std::unique_lock lock(mutex_);
            idle_.wait(lock, [&] { return calls_ == 0; });
            lock.unlock();
            result = whim_group_destroy(group);
        }
        if (result != WHIM_OK) group_ = group;  // inside a callback: it lives on
        check(result);
    }

    std::shared_ptr<Op> join() {
        whim_op* op = nullptr;
        check(whim_group_join(group(), &op));
        return Op::adopt(interrupts_, op);
    }

    std::shared_ptr<Op> leave(const Text& reason) {
        whim_op* op = nullptr;
        check(whim_group_leave(group(), text_or_null(reason), &op));
        return Op::adopt(interrupts_, op);
    }

    void interrupt() {
        ++*interrupts_;  // for waits that look for signals at this moment
        check(whim_group_interrupt(group()));
    }

    void set_rate_limits(const py::object& rate_limit, const py::object& link_rate_limit) {
        check(whim_group_set_rate_limits(group(), whole_number<uint64_t>("rate_limit", rate_limit),
                                         whole_number<uint64_t>("link_rate_limit", link_rate_limit)));
    }

    std::shared_ptr<Op> round_begin(uint64_t state_round) {
        whim_round_options options = WHIM_ROUND_OPTIONS_INIT;
        options.state_round = state_round;
        whim_op* op = nullptr;
        check(whim_round_begin(group(), &options, &op));
        return Op::adopt(interrupts_, op);
    }

    std::shared_ptr<Op> round_commit(const py::bytes& digest, const py::bytes& data, uint64_t samples,
                                     uint64_t round) {
        const std::string_view digest_view = digest, data_view = data;
        if (digest_view.size() != WHIM_DIGEST_SIZE) throw py::value_error("digest: 16 bytes are needed");
        if (data_view.size() > WHIM_COMMIT_BYTES_MAX) throw py::value_error("data: at most 65536 bytes");
        whim_commit_options options = WHIM_COMMIT_OPTIONS_INIT;
        std::copy(digest_view.begin(), digest_view.end(), options.digest);
        options.bytes = data_view.data();
        options.bytes_len = static_cast<uint32_t>(data_view.size());
        options.samples = samples;
        options.round = round;
        whim_op* op = nullptr;
        check(whim_round_commit(group(), &options, &op));
        return Op::adopt(interrupts_, op);
    }

    std::shared_ptr<Op> round_record(uint64_t round) {
        whim_op* op = nullptr;
        check(whim_round_record(group(), round, &op));
        return Op::adopt(interrupts_, op);
    }

    static uint32_t reduction(const std::string& name, const Text& reducer) {
        if (reducer) return WHIM_CUSTOM;
        return choice("reduce", name,
                      {{"sum", WHIM_SUM}, {"avg", WHIM_AVG}, {"min", WHIM_MIN}, {"max", WHIM_MAX}});
    }

    // weight, codec and reducer: borrowed by the options.
    static whim_all_reduce_options all_reduce_options(uint64_t tag, uint64_t round, const float& weight,
                                                      uint32_t min_contributors, double grace_s,
                                                      double budget_s, bool uniform,
                                                      const std::string& non_finite,
                                                      const py::object& priority, const py::object& share,
                                                      const Text& codec, const Text& reducer) {
        whim_all_reduce_options options = WHIM_ALL_REDUCE_OPTIONS_INIT;
        options.tag = tag;
        options.round = round;
        options.weight = &weight;
        options.min_contributors = min_contributors;
        options.grace_ms = grace_ms(grace_s);
        options.budget_ms = milliseconds("budget", budget_s);
        options.uniform = uniform ? 1 : 0;
        options.non_finite = choice("non_finite", non_finite,
                                    {{"exclude", WHIM_NON_FINITE_EXCLUDE},
                                     {"abort", WHIM_NON_FINITE_ABORT},
                                     {"allow", WHIM_NON_FINITE_ALLOW}});
        set_place(options, priority, share);
        options.codec = text_or_null(codec);
        options.reducer = text_or_null(reducer);
        return options;
    }

    std::shared_ptr<Op> all_reduce(const py::object& in, const py::object& out, const std::string& reduce,
                                   uint64_t tag, uint64_t round, float weight, uint32_t min_contributors,
                                   double grace_s, double budget_s, bool uniform,
                                   const std::string& non_finite, const py::object& priority,
                                   const py::object& share, const Text& codec, const Text& plan,
                                   const Text& reducer) {
        const Tensors tensors = tensors_of(in, out);
        whim_all_reduce_options options =
            all_reduce_options(tag, round, weight, min_contributors, grace_s, budget_s, uniform, non_finite,
                               priority, share, codec, reducer);
        options.plan = text_or_null(plan);
        whim_op* op = nullptr;
        check(whim_all_reduce_tensors(group(), tensors.list.data(), tensors.list.size(), tensors.dtype,
                                      reduction(reduce, reducer), &options, &op));
        return Op::adopt(interrupts_, op, kept({tensors.held}));
    }

    // The library takes the length of the whole from the counts and the round's members; the array has its
    // own, so all of them are counted here. Empty: nothing is moved.
    static std::vector<uint64_t> parts_of(const std::vector<uint64_t>& counts, const char* whole_name,
                                          const Buffer& whole, const char* part_name, const Buffer& part) {
        if (counts.empty()) {
            const bool cut = part.count > 0 && whole.count > 0 && whole.count % part.count == 0;
            if (!cut && (part.count > 0 || whole.count > 0))
                raise_type_error(std::string(whole_name) + ": not a whole number of parts as long as " +
                                 part_name);
            return std::vector<uint64_t>(part.count == 0 ? 0 : whole.count / part.count, part.count);
        }
        uint64_t left = whole.count;
        bool fits = true;
        for (const uint64_t count : counts) {
            fits = fits && count <= left;
            if (fits) left -= count;
        }
        if (!fits || left != 0)
            raise_type_error(std::string(whole_name) + ": its " + std::to_string(whole.count) +
                             " elements are not what the counts add up to");
        return counts;
    }

    std::shared_ptr<Op> reduce_scatter(const py::object& in, const py::object& out, const std::string& reduce,
                                       const std::vector<uint64_t>& counts, uint64_t tag, uint64_t round,
                                       float weight, uint32_t min_contributors, double grace_s,
                                       double budget_s, bool uniform, const std::string& non_finite,
                                       const py::object& priority, const py::object& share, const Text& codec,
                                       const Text& reducer) {
        Buffer from = buffer_of(in, "x"), into = writable_buffer_of(out, "out");
        if (from.dtype != into.dtype) raise_type_error("out: differs from x in dtype");
        whim_all_reduce_options options =
            all_reduce_options(tag, round, weight, min_contributors, grace_s, budget_s, uniform, non_finite,
                               priority, share, codec, reducer);
        const std::vector<uint64_t> parts = parts_of(counts, "x", from, "out", into);
        options.counts = parts.empty() ? nullptr : parts.data();
        options.counts_len = static_cast<uint32_t>(parts.size());
        whim_op* op = nullptr;
        check(whim_reduce_scatter(group(), from.data, into.data, into.count, from.dtype,
                                  reduction(reduce, reducer), &options, &op));
        return Op::adopt(interrupts_, op, kept({from.held, into.held, in, out}));
    }

    std::shared_ptr<Op> all_gather(const py::object& in, const py::object& out,
                                   const std::vector<uint64_t>& counts, uint64_t tag, uint64_t round,
                                   double grace_s, double budget_s, const py::object& priority,
                                   const py::object& share, const std::optional<std::string>& codec) {
        Buffer from = buffer_of(in, "x"), into = writable_buffer_of(out, "out");
        if (from.dtype != into.dtype) raise_type_error("out: differs from x in dtype");
        whim_collective_options options =
            collective_options(tag, round, 0, grace_s, budget_s, priority, share);
        options.codec = codec ? codec->c_str() : nullptr;
        const std::vector<uint64_t> parts = parts_of(counts, "out", into, "x", from);
        options.counts = parts.empty() ? nullptr : parts.data();
        options.counts_len = static_cast<uint32_t>(parts.size());
        whim_op* op = nullptr;
        check(whim_all_gather(group(), from.data, into.data, from.count, from.dtype, &options, &op));
        return Op::adopt(interrupts_, op, kept({from.held, into.held, in, out}));
    }

    std::shared_ptr<Op> broadcast(const py::object& buffer, uint32_t source_rank, uint64_t tag,
                                  uint64_t round, double grace_s, double budget_s, const py::object& priority,
                                  const py::object& share, const std::optional<std::string>& codec) {
        Buffer mine = writable_buffer_of(buffer, "x");
        whim_collective_options options =
            collective_options(tag, round, 0, grace_s, budget_s, priority, share);
        options.codec = codec ? codec->c_str() : nullptr;
        whim_op* op = nullptr;
        check(whim_broadcast(group(), mine.data, mine.count, mine.dtype, source_rank, &options, &op));
        return Op::adopt(interrupts_, op, kept({mine.held, buffer}));
    }

    std::shared_ptr<Op> barrier(uint64_t tag, uint64_t round, uint32_t min_contributors, double grace_s,
                                double budget_s, const py::object& priority, const py::object& share) {
        const whim_collective_options options =
            collective_options(tag, round, min_contributors, grace_s, budget_s, priority, share);
        whim_op* op = nullptr;
        check(whim_barrier(group(), &options, &op));
        return Op::adopt(interrupts_, op);
    }

    std::shared_ptr<Op> agree(const py::object& values, const std::string& how, uint64_t tag, uint64_t round,
                              uint32_t min_contributors, double grace_s, double budget_s,
                              const py::object& priority, const py::object& share) {
        Buffer mine = writable_buffer_of(values, "values");
        if (mine.dtype != WHIM_I64) raise_type_error("values: agree takes int64");
        const whim_collective_options options =
            collective_options(tag, round, min_contributors, grace_s, budget_s, priority, share);
        const uint32_t rule = choice("how", how,
                                     {{"max", WHIM_AGREE_MAX},
                                      {"min", WHIM_AGREE_MIN},
                                      {"majority", WHIM_AGREE_MAJORITY},
                                      {"sum", WHIM_AGREE_SUM}});
        auto* data = static_cast<int64_t*>(mine.data);
        whim_op* op = nullptr;
        check(whim_agree(group(), data, data, mine.count, rule, &options, &op));
        return Op::adopt(interrupts_, op, kept({mine.held, values}));
    }

    py::object next_event() {
        whim_event event = WHIM_EVENT_INIT;
        const whim_result result = whim_group_next_event(group(), &event);
        if (result == WHIM_NO_EVENT) return py::none();
        check(result);
        return py::dict("kind"_a = event.kind, "round"_a = event.round, "epoch"_a = event.epoch,
                        "member"_a = event.id, "incarnation"_a = event.incarnation, "text"_a = event.text);
    }

    GroupAccess access() const { return {group(), interrupts_}; }

    int event_fd() { return whim_group_event_fd(group()); }

    py::dict info() {
        whim_group_info info = WHIM_GROUP_INFO_INIT;
        check(without_gil([&](whim_group* group) { return whim_group_get_info(group, &info); }));
        return py::dict("id"_a = info.id, "name"_a = info.name, "run"_a = info.run, "listen"_a = info.listen,
                        "advertise"_a = info.advertise, "incarnation"_a = info.incarnation,
                        "epoch"_a = info.epoch, "round"_a = info.round, "world_size"_a = info.world_size,
                        "rank"_a = info.rank == WHIM_RANK_NONE ? py::object(py::none()) : py::int_(info.rank),
                        "coordinator_connected"_a = info.coordinator_connected != 0,
                        "ops_open"_a = info.ops_open, "ops_completed"_a = info.ops_completed,
                        "ops_failed"_a = info.ops_failed, "bytes_sent"_a = info.bytes_sent,
                        "bytes_received"_a = info.bytes_received);
    }

    std::string waiting_for() {
        char text[WHIM_TEXT_MAX] = "";
        check(
            without_gil([&](whim_group* group) { return whim_group_waiting_for(group, text, sizeof text); }));
        return text;
    }

    py::dict view() {
        whim_view* raw = nullptr;
        check(without_gil([&](whim_group* group) { return whim_group_view(group, &raw); }));
        const std::unique_ptr<whim_view, void (*)(whim_view*)> view(raw, &whim_view_release);
        py::list members;
        for (uint32_t rank = 0; rank < whim_view_size(raw); ++rank) {
            whim_member member = WHIM_MEMBER_INIT;
            whim_link_info link = WHIM_LINK_INFO_INIT;
            check(whim_view_get_member(raw, rank, &member));
            check(whim_view_get_link(raw, rank, &link));
            py::dict entry = member_dict(member);
            entry["link"] = link_dict(link);
            members.append(entry);
        }
        return py::dict("epoch"_a = whim_view_epoch(raw), "members"_a = members);
    }

private:
    whim_group* group() const {
        if (group_ == nullptr) raise(WHIM_E_WRONG_STATE, "the group is closed");
        return group_;
    }

    template <class Call> whim_result without_gil(const Call& call) {
        whim_group* group = this->group();
        {
            const std::lock_guard lock(mutex_);  // before the GIL goes: close() sees the call or refuses it
            ++calls_;
        }
        const py::gil_scoped_release free;
        const whim_result result = call(group);
        const std::lock_guard lock(mutex_);
        if (--calls_ == 0) idle_.notify_all();
        return result;
    }

    static py::list kept(std::initializer_list<py::object> objects) {
        py::list list;
        for (const py::object& object : objects) list.append(object);
        return list;
    }

    // Among ops that are open at once.
    template <class Options>
    static void set_place(Options& options, const py::object& priority, const py::object& share) {
        options.priority = whole_number<uint32_t>("priority", priority);
        options.share = whole_number<uint32_t>("share", share, 1);
    }

    static whim_collective_options collective_options(uint64_t tag, uint64_t round, uint32_t min_contributors,
                                                      double grace_s, double budget_s,
                                                      const py::object& priority, const py::object& share) {
        whim_collective_options options = WHIM_COLLECTIVE_OPTIONS_INIT;
        options.tag = tag;
        options.round = round;
        options.min_contributors = min_contributors;
        options.grace_ms = grace_ms(grace_s);
        options.budget_ms = milliseconds("budget", budget_s);
        set_place(options, priority, share);
        return options;
    }

    static py::dict link_dict(const whim_link_info& link) {
        const auto seconds = [](uint64_t ns) { return static_cast<double>(ns) * 1e-9; };
        return py::dict(
            "up"_a = link.up != 0, "silent_s"_a = seconds(link.silent_ns),
            "rtt_min_s"_a = seconds(link.rtt_min_ns), "rtt_smoothed_s"_a = seconds(link.rtt_smoothed_ns),
            "rtt_p99_s"_a = seconds(link.rtt_p99_ns), "path_rtt_s"_a = seconds(link.path_rtt_ns),
            "queueing_delay_s"_a = seconds(link.queueing_delay_ns),
            "rate_sent_bytes_per_s"_a = link.rate_sent_bytes_per_s,
            "rate_received_bytes_per_s"_a = link.rate_received_bytes_per_s,
            "bytes_retransmitted"_a = link.bytes_retransmitted, "strands_open"_a = link.strands_open,
            "strands_used"_a = link.strands_used, "strands_reason"_a = link.strands_reason,
            "pace_bytes_per_s"_a = link.pace_bytes_per_s, "pace_reason"_a = link.pace_reason,
            "lossy"_a = link.lossy != 0, "via"_a = link.via, "bytes_sent"_a = link.bytes_sent,
            "bytes_received"_a = link.bytes_received, "messages_sent"_a = link.messages_sent,
            "messages_received"_a = link.messages_received, "bulk_frames_sent"_a = link.bulk_frames_sent,
            "bulk_frames_received"_a = link.bulk_frames_received,
            "bulk_frames_resent"_a = link.bulk_frames_resent, "strands_lost"_a = link.strands_lost,
            "bytes_copied"_a = link.bytes_copied);
    }

    const Op::Interrupts interrupts_ = std::make_shared<uint64_t>(0);
    whim_group* group_ = nullptr;  // under the GIL
    std::mutex mutex_;             // never held while the GIL is waited for
    std::condition_variable idle_;
    uint32_t calls_ = 0;  // under mutex_: that use the group without the GIL
};

}  // namespace

GroupAccess access(const py::object& group) { return group.cast<Group&>().access(); }

void bind_group(py::module_& module) {
    py::class_<Group>(module, "Group")
        .def(py::init<const std::string&, const Text&, const Text&, const Text&, const Text&, const Text&,
                      const Text&, const Text&, const Text&, uint64_t, uint32_t, uint32_t, uint32_t, uint64_t,
                      uint64_t, bool, bool, const std::string&, const py::object&, const py::object&>(),
             py::kw_only(), "security"_a, "invite"_a, "run"_a, "coordinators"_a, "name"_a, "region"_a,
             "listen"_a, "advertise"_a, "identity_file"_a, "fingerprint"_a, "bulk_strands"_a,
             "worker_threads"_a, "chunk_bytes"_a, "retain_bytes_max"_a, "window_bytes"_a, "outbound_only"_a,
             "require_reachable"_a, "same_host_path"_a, "rate_limit"_a, "link_rate_limit"_a)
        .def("close", &Group::close)
        .def("join", &Group::join)
        .def("leave", &Group::leave, "reason"_a)
        .def("interrupt", &Group::interrupt)
        .def("set_rate_limits", &Group::set_rate_limits, "rate_limit"_a, "link_rate_limit"_a)
        .def("round_begin", &Group::round_begin, "state_round"_a)
        .def("round_commit", &Group::round_commit, "digest"_a, "data"_a, "samples"_a, "round"_a)
        .def("round_record", &Group::round_record, "round"_a)
        .def("all_reduce", &Group::all_reduce, "x"_a, "out"_a, "reduce"_a, "tag"_a, "round"_a, "weight"_a,
             "min_contributors"_a, "grace_s"_a, "budget_s"_a, "uniform"_a, "non_finite"_a, "priority"_a,
             "share"_a, "codec"_a, "plan"_a, "reducer"_a)
        .def("reduce_scatter", &Group::reduce_scatter, "x"_a, "out"_a, "reduce"_a, "counts"_a, "tag"_a,
             "round"_a, "weight"_a, "min_contributors"_a, "grace_s"_a, "budget_s"_a, "uniform"_a,
             "non_finite"_a, "priority"_a, "share"_a, "codec"_a, "reducer"_a)
        .def("all_gather", &Group::all_gather, "x"_a, "out"_a, "counts"_a, "tag"_a, "round"_a, "grace_s"_a,
             "budget_s"_a, "priority"_a, "share"_a, "codec"_a)
        .def("broadcast", &Group::broadcast, "x"_a, "source_rank"_a, "tag"_a, "round"_a, "grace_s"_a,
             "budget_s"_a, "priority"_a, "share"_a, "codec"_a)
        .def("barrier", &Group::barrier, "tag"_a, "round"_a, "min_contributors"_a, "grace_s"_a, "budget_s"_a,
             "priority"_a, "share"_a)
        .def("agree", &Group::agree, "values"_a, "how"_a, "tag"_a, "round"_a, "min_contributors"_a,
             "grace_s"_a, "budget_s"_a, "priority"_a, "share"_a)
        .def("next_event", &Group::next_event)
        .def("event_fd", &Group::event_fd)
        .def("info", &Group::info)
        .def("waiting_for", &Group::waiting_for)
        .def("view", &Group::view);
    module.def("finish_closing", [] {
        const py::gil_scoped_release free;  // callbacks still under way may want it
        graveyard().join();
    });
}

}  // namespace whim_python
