// gossip.h: options checked, then posted; what was mixed.
#include "whimbrel/gossip.h"

#include <algorithm>
#include <set>

#include "api/handles.h"
#include "api/members.h"
#include "api/structs.h"

using namespace whim;
using namespace whim::api;
using runtime::OpKind;

namespace {

static_assert(static_cast<int>(gossip::GraphKind::one_peer_exponential) == WHIM_GRAPH_ONE_PEER_EXPONENTIAL);
static_assert(static_cast<int>(gossip::GraphKind::listed) == WHIM_GRAPH_LISTED);
static_assert(limits::kGossipStepsMax == WHIM_GOSSIP_STEPS_MAX && limits::kGossipEdgesMax == WHIM_EDGES_MAX);

Status set_buffers(PostOptions& post, const void* in, void* out, size_t count, uint32_t dtype) {
    const auto known = dtype_from_int(dtype);
    if (!known) return invalid(fmt::format("dtype {} is unknown", dtype));
    if (!dtype_is_float(*known))
        return fail(Code::E_UNSUPPORTED, fmt::format("gossip of {}: floats only", dtype_name(*known)));
    const size_t each = dtype_bytes(*known);
    if (count > SIZE_MAX / 2 / each) return invalid(fmt::format("count {} is more than memory holds", count));
    if (count > 0 && (!in || !out)) return invalid(in ? "out is NULL" : "in is NULL");
    const auto from = reinterpret_cast<uintptr_t>(in), to = reinterpret_cast<uintptr_t>(out);
    if (from % each || to % each)
        return invalid(fmt::format("a buffer of {} is not aligned to {} bytes", dtype_name(*known), each));
    const size_t bytes = count * each;
    if (from != to && from < to + bytes && to < from + bytes)
        return invalid("in and out overlap; give the same pointer to work in place");
    post.in = {static_cast<const std::byte*>(in), bytes};
    post.out = {static_cast<std::byte*>(out), bytes};
    post.dtype = *known;
    post.reduce = Reduce::avg;
    return {};
}

template <class Options>
Status set_common(PostOptions& post, const Customs& customs, const Options& options) {
    if (options.non_finite > WHIM_NON_FINITE_ALLOW)
        return invalid(fmt::format("non_finite {} is unknown", options.non_finite));
    post.non_finite = static_cast<NonFinitePolicy>(options.non_finite);
    post.tag = options.tag;
    post.grace = milliseconds(options.grace_ms);
    post.budget = milliseconds(options.budget_ms);
    post.priority = options.priority;
    post.share = std::max(1u, options.share);
    if (const Status ok = set_codec(post, customs, options.codec); !ok) return ok;
    if (post.codec && post.codec->sparse())
        return fail(Code::E_UNSUPPORTED,
                    fmt::format("codec {} with gossip: what sparse codecs leave out would count as zero",
                                options.codec));
    return codec_holds(post);
}

Status set_graph(GossipChoice& choice, const whim_neighbour_options& options) {
    if (options.graph > WHIM_GRAPH_LISTED) return invalid(fmt::format("graph {} is unknown", options.graph));
    if (options.chebyshev > 1) return invalid(fmt::format("chebyshev {}: it is 0 or 1", options.chebyshev));
    choice.graph = static_cast<gossip::GraphKind>(options.graph);
    choice.steps = std::max(1u, options.steps);
    if (const Status ok = check_range(choice.steps, 1, WHIM_GOSSIP_STEPS_MAX, "steps"); !ok) return ok;
    choice.chebyshev = options.chebyshev == 1;
    choice.seed = options.seed;
    choice.first_step = options.first_step;
    if (!options.edges != (options.edges_len == 0))
        return invalid(options.edges ? "edges_len is 0" : "edges is NULL");
    if (options.edges_len > WHIM_EDGES_MAX)
        return invalid(fmt::format("{} edges; at most {}", options.edges_len, +WHIM_EDGES_MAX));
    if (options.edges && choice.graph != gossip::GraphKind::listed)
        return invalid("edges are for WHIM_GRAPH_LISTED");
    for (uint32_t i = 0; i < options.edges_len; ++i)
        choice.edges.push_back({{options.edges[i].a}, {options.edges[i].b}});
    return {};
}

Result<const OpInfo*> gossip_of(const whim_op* op) {
    const auto info = info_of<OpInfo>(op);
    if (!info) return info.error();
    if (!(*info)->gossip) return fail(Code::E_WRONG_STATE, "the op did not gossip");
    return *info;
}

}  // namespace

extern "C" {

whim_result whim_neighbour_average(whim_group* group, const void* in, void* out, size_t count, uint32_t dtype,
                                   const whim_neighbour_options* options, whim_op** op) {
    return start_op(group, op, [&](Runtime& runtime) -> Result<Runtime::Handle> {
        whim_neighbour_options given;
        PostOptions post;
        post.collective = Collective::neighbour_average;
        if (const Status ok = read_options(options, given, "options"); !ok) return ok.error();
        if (const Status ok = set_buffers(post, in, out, count, dtype); !ok) return ok.error();
        if (const Status ok = set_common(post, group->customs, given); !ok) return ok.error();
        if (const Status ok = set_graph(post.gossip, given); !ok) return ok.error();
        return runtime.post(OpKind::neighbour_average, Round{given.round}, post);
    });
}

whim_result whim_pair_average(whim_group* group, const void* in, void* out, size_t count, uint32_t dtype,
                              uint32_t partner_rank, const whim_pair_options* options, whim_op** op) {
    return start_op(group, op, [&](Runtime& runtime) -> Result<Runtime::Handle> {
        whim_pair_options given;
        PostOptions post;
        post.collective = Collective::pair_average;
        if (const Status ok = read_options(options, given, "options"); !ok) return ok.error();
        if (const Status ok = set_buffers(post, in, out, count, dtype); !ok) return ok.error();
        if (const Status ok = set_common(post, group->customs, given); !ok) return ok.error();
        post.gossip.graph = gossip::GraphKind::random_matching;
        post.gossip.seed = given.seed;
        post.gossip.first_step = given.turn;
        if (partner_rank != WHIM_PARTNER_DRAWN) post.gossip.partner = partner_rank;
        return runtime.post(OpKind::pair_average, Round{given.round}, post);
    });
}

whim_result whim_op_get_gossip_info(const whim_op* op, whim_gossip_info* info) {
    return carry_out([&]() -> Status {
        const auto found = gossip_of(op);
        if (!found) return found.error();
        const GossipInfo& went = *(*found)->gossip;
        std::set<MemberId> mixed;
        for (const ContributorSet& set : (*found)->contributors)
            mixed.insert(set.members.begin(), set.members.end());
        whim_gossip_info value = WHIM_GOSSIP_INFO_INIT;
        value.steps = went.steps;
        value.steps_min = went.steps_min;
        value.neighbours = static_cast<uint32_t>(went.neighbours.size());
        value.mixed = static_cast<uint32_t>(mixed.size());
        value.lost = static_cast<uint32_t>(went.lost.size());
        value.mixes = static_cast<uint32_t>(went.mixes.size());
        return write_info(info, value, "info");
    });
}

whim_result whim_op_get_mix(const whim_op* op, uint32_t index, whim_mix* out) {
    return carry_out([&]() -> Status {
        const auto found = gossip_of(op);
        if (!found) return found.error();
        const auto& mixes = (*found)->gossip->mixes;
        if (index >= mixes.size()) return invalid(fmt::format("mix {} of {}", index, mixes.size()));
        whim_mix value = WHIM_MIX_INIT;
        value.step = mixes[index].step;
        value.set = mixes[index].set;
        value.first = mixes[index].first;
        value.count = mixes[index].count;
        return write_info(out, value, "out");
    });
}

whim_result whim_op_get_lost(const whim_op* op, uint32_t index, whim_member* out) {
    return carry_out([&]() -> Status {
        const auto found = gossip_of(op);
        if (!found) return found.error();
        const auto& lost = (*found)->gossip->lost;
        return write_member(lost, index, out,
                            [&](whim_member& m) { m.rank = rank_in((*found)->birth, lost[index]); });
    });
}

}  // extern "C"
