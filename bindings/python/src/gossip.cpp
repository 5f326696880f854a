// See gossip.h.
#include "gossip.h"

#include <pybind11/stl.h>

#include <optional>
#include <utility>
#include <vector>

#include "arguments.h"
#include "buffers.h"
#include "errors.h"
#include "group.h"
#include "whimbrel/gossip.h"

namespace whim_python {
namespace {

using py::literals::operator""_a;

struct Buffers {
    Buffer from, into;
    py::list keep;
};

Buffers buffers_of(const py::object& in, const py::object& out) {
    const bool in_place = out.is_none() || out.is(in);
    Buffers both;
    both.from = in_place ? writable_buffer_of(in, "x") : buffer_of(in, "x");
    both.into = in_place ? both.from : writable_buffer_of(out, "out");
    if (both.from.count != both.into.count || both.from.dtype != both.into.dtype)
        raise_type_error("out: differs from x in size or dtype");
    for (const py::object& object : {both.from.held, both.into.held, in, out}) both.keep.append(object);
    return both;
}

// codec: borrowed by the options.
template <class Options>
void set_common(Options& options, uint64_t tag, uint64_t round, const std::string& non_finite, double grace_s,
                double budget_s, const py::object& priority, const py::object& share,
                const std::optional<std::string>& codec) {
    options.tag = tag;
    options.round = round;
    options.non_finite = choice("non_finite", non_finite,
                                {{"exclude", WHIM_NON_FINITE_EXCLUDE},
                                 {"abort", WHIM_NON_FINITE_ABORT},
                                 {"allow", WHIM_NON_FINITE_ALLOW}});
    options.grace_ms = milliseconds("grace", grace_s);
    options.budget_ms = milliseconds("budget", budget_s);
    options.priority = whole_number<uint32_t>("priority", priority);
    options.share = whole_number<uint32_t>("share", share, 1);
    options.codec = codec ? codec->c_str() : nullptr;
}

std::shared_ptr<Op> neighbour_average(const py::object& group, const py::object& in, const py::object& out,
                                      const std::string& graph,
                                      const std::vector<std::pair<uint32_t, uint32_t>>& edges,
                                      const py::object& steps, bool chebyshev, const py::object& seed,
                                      const py::object& first_step, uint64_t tag, uint64_t round,
                                      const std::string& non_finite, double grace_s, double budget_s,
                                      const py::object& priority, const py::object& share,
                                      const std::optional<std::string>& codec) {
    const Buffers both = buffers_of(in, out);
    std::vector<whim_edge> pairs;
    for (const auto& [a, b] : edges) pairs.push_back({a, b});
    whim_neighbour_options options = WHIM_NEIGHBOUR_OPTIONS_INIT;
    options.graph = choice("graph", graph,
                           {{"ring", WHIM_GRAPH_RING},
                            {"hypercube", WHIM_GRAPH_HYPERCUBE},
                            {"exponential", WHIM_GRAPH_EXPONENTIAL},
                            {"one-peer-exponential", WHIM_GRAPH_ONE_PEER_EXPONENTIAL},
                            {"random-matching", WHIM_GRAPH_RANDOM_MATCHING},
                            {"complete", WHIM_GRAPH_COMPLETE},
                            {"listed", WHIM_GRAPH_LISTED}});
    options.edges = pairs.empty() ? nullptr : pairs.data();
    options.edges_len = static_cast<uint32_t>(pairs.size());
    options.steps = whole_number<uint32_t>("steps", steps, 1);
    options.chebyshev = chebyshev ? 1 : 0;
    options.seed = whole_number<uint64_t>("seed", seed);
    options.first_step = whole_number<uint64_t>("first_step", first_step);
    set_common(options, tag, round, non_finite, grace_s, budget_s, priority, share, codec);
    const GroupAccess to = access(group);
    whim_op* op = nullptr;
    check(whim_neighbour_average(to.group, both.from.data, both.into.data, both.from.count, both.from.dtype,
                                 &options, &op));
    return Op::adopt(to.interrupts, op, both.keep);
}

std::shared_ptr<Op> pair_average(const py::object& group, const py::object& in,
                                 const py::object& partner_rank, const py::object& out,
                                 const py::object& seed, const py::object& turn, uint64_t tag, uint64_t round,
                                 const std::string& non_finite, double grace_s, double budget_s,
                                 const py::object& priority, const py::object& share,
                                 const std::optional<std::string>& codec) {
    const Buffers both = buffers_of(in, out);
    whim_pair_options options = WHIM_PAIR_OPTIONS_INIT;
    options.seed = whole_number<uint64_t>("seed", seed);
    options.turn = whole_number<uint64_t>("turn", turn);
    set_common(options, tag, round, non_finite, grace_s, budget_s, priority, share, codec);
    const uint32_t partner =
        partner_rank.is_none() ? WHIM_PARTNER_DRAWN : whole_number<uint32_t>("partner_rank", partner_rank);
    const GroupAccess to = access(group);
    whim_op* op = nullptr;
    check(whim_pair_average(to.group, both.from.data, both.into.data, both.from.count, both.from.dtype,
                            partner, &options, &op));
    return Op::adopt(to.interrupts, op, both.keep);
}

}  // namespace

py::object gossip_info(const Op& op) {
    whim_gossip_info info = WHIM_GOSSIP_INFO_INIT;
    if (whim_op_get_gossip_info(op.raw(), &info) != WHIM_OK) return py::none();
    py::list mixes, lost;
    for (uint32_t index = 0; index < info.mixes; ++index) {
        whim_mix mix = WHIM_MIX_INIT;
        check(whim_op_get_mix(op.raw(), index, &mix));
        mixes.append(py::make_tuple(mix.step, mix.set, mix.first, mix.count));
    }
    for (uint32_t index = 0; index < info.lost; ++index) {
        whim_member member = WHIM_MEMBER_INIT;
        check(whim_op_get_lost(op.raw(), index, &member));
        lost.append(member_dict(member));
    }
    return py::dict("steps"_a = info.steps, "steps_min"_a = info.steps_min, "neighbours"_a = info.neighbours,
                    "mixed"_a = info.mixed, "lost"_a = lost, "mixes"_a = mixes);
}

void bind_gossip(py::module_& module) {
    module.def("neighbour_average", &neighbour_average, "group"_a, "x"_a, "out"_a, "graph"_a, "edges"_a,
               "steps"_a, "chebyshev"_a, "seed"_a, "first_step"_a, "tag"_a, "round"_a, "non_finite"_a,
               "grace_s"_a, "budget_s"_a, "priority"_a, "share"_a, "codec"_a);
    module.def("pair_average", &pair_average, "group"_a, "x"_a, "partner_rank"_a, "out"_a, "seed"_a, "turn"_a,
               "tag"_a, "round"_a, "non_finite"_a, "grace_s"_a, "budget_s"_a, "priority"_a, "share"_a,
               "codec"_a);
}

}  // namespace whim_python
