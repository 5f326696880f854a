// Ops of gossip in the table: what is wrong with one, what its members must agree on, how it is named, what
// it says when it is over.
#include <algorithm>

#include "base/assert.h"
#include "collectives/op/bitmap.h"
#include "collectives/op/gossip_op.h"
#include "engine/impl.h"

namespace whim {
using gossip::GraphKind;

// Whether the two could not be told apart, were both open.
bool Engine::Impl::same_name(const OpRecord& record, Round birth, const PostOptions& o) const {
    if (record.id.round != birth || record.id.tag != o.tag) return false;
    const bool pair = o.collective == Collective::pair_average && o.gossip.partner;
    if (pair != is_pair(record.id)) return false;
    return !pair || record.options.gossip.partner == o.gossip.partner;
}

std::optional<OpId> Engine::Impl::next_id(Round birth, const PostOptions& o, Rank self) {
    if (o.collective != Collective::pair_average || !o.gossip.partner)
        return OpId{birth, o.tag, instances_[{birth, o.tag}]++};
    const Rank partner{*o.gossip.partner};
    uint32_t& uses = pair_uses_[{birth, o.tag, pair_instance(self, partner, 0)}];
    if (uses == limits::kPairOpsPerTagMax) return std::nullopt;
    return OpId{birth, o.tag, pair_instance(self, partner, uses++)};
}

Status Engine::Impl::check_gossip(const std::vector<MemberId>& birth, const PostOptions& o) const {
    const GossipChoice& choice = o.gossip;
    const auto members = static_cast<uint32_t>(birth.size());
    if (!dtype_is_float(o.dtype))
        return fail(Code::E_UNSUPPORTED, "gossip of " + std::string(dtype_name(o.dtype)) + ": floats only");
    if (o.codec && o.codec->sparse())
        return fail(Code::E_UNSUPPORTED, "gossip with codec " + o.codec->text() +
                                             ": what sparse codecs leave out would count as zero");
    if (choice.steps < 1 || choice.steps > limits::kGossipStepsMax)
        return fail(Code::E_INVALID, "steps " + std::to_string(choice.steps) + ": from 1 to " +
                                         std::to_string(limits::kGossipStepsMax));
    if (choice.graph != GraphKind::listed && !choice.edges.empty())
        return fail(Code::E_INVALID, "edges are for a listed graph");
    if (choice.graph == GraphKind::listed) {
        const Result<gossip::GraphSpec> spec = gossip::listed_graph(members, choice.edges);
        if (!spec.ok()) return fail(Code::E_INVALID, spec.error().detail);
    }
    if (choice.chebyshev && gossip::period_steps({choice.graph, members, 0, {}}) != 1)
        return fail(Code::E_UNSUPPORTED, "Chebyshev's steps need a graph that stays the same, and " +
                                             std::string(gossip::kind_name(choice.graph)) + " changes");
    if (o.collective != Collective::pair_average || !choice.partner) return {};
    if (*choice.partner >= members)
        return fail(Code::E_INVALID, "the partner's rank " + std::to_string(*choice.partner) +
                                         " is not in the round, which has " + std::to_string(members) +
                                         " participants");
    if (birth[*choice.partner] == self())
        return fail(Code::E_INVALID, "rank " + std::to_string(*choice.partner) + " is this peer itself");
    return {};
}

gossip::GraphSpec Engine::Impl::graph_of(const GossipChoice& choice, uint32_t members, Rank self) const {
    if (choice.partner) {
        const gossip::GraphEdge edge{self, {*choice.partner}};
        return *gossip::listed_graph(members, std::span(&edge, 1));
    }
    if (choice.graph == GraphKind::listed) return *gossip::listed_graph(members, choice.edges);
    return {choice.graph, members, choice.graph == GraphKind::random_matching ? choice.seed : 0, {}};
}

// Chunks such that what neighbours may send ahead fits, however many there are.
Status Engine::Impl::describe_gossip(wire::OpDescriptor& d, const PostOptions& o, uint32_t members,
                                     Rank self) const {
    const gossip::GraphSpec spec = graph_of(o.gossip, members, self);
    d.gossip.graph = static_cast<uint8_t>(spec.kind);
    d.gossip.chebyshev = o.gossip.chebyshev;
    d.gossip.steps = o.gossip.steps;
    d.gossip.first_step = gossip::period_steps(spec) == 1 ? 0 : o.gossip.first_step;
    d.gossip.seed = spec.seed;
    d.gossip.grace_ms = static_cast<uint32_t>(o.grace.ms());
    d.gossip.edges = spec.kind == GraphKind::listed ? op::edges_digest(spec.edges) : 0;
    const uint64_t bytes = dtype_bytes(d.dtype);
    const uint64_t payloads = op::gossip_frames_max(spec, o.gossip.steps) * limits::kGossipAheadMin;
    const uint64_t fits = std::max<uint64_t>(limits::kGossipHeldBytes / payloads, limits::kChunkBytesMin);
    const uint64_t chunk = std::max<uint64_t>(1, std::min<uint64_t>(config_.chunk_bytes, fits) / bytes);
    uint64_t elements = std::clamp<uint64_t>(d.elements, 1, chunk);
    // No message lists its chunks, so that there may be more than of other ops.
    constexpr uint64_t kChunksMax = uint64_t{limits::kChunksPerOpMax} * 32;
    while (d.elements / elements >= kChunksMax && elements < UINT32_MAX) elements *= 2;
    d.chunk_elements = static_cast<uint32_t>(std::min<uint64_t>(elements, UINT32_MAX));
    if (d.codec.empty()) return {};
    const Result<uint32_t> coded =
        op::coded_chunk_elements(*o.codec, Reduce::avg, false, d.chunk_elements, members);
    if (!coded.ok()) return coded.error();
    d.chunk_elements = *coded;
    const uint64_t held = payloads * o.codec->encoded_bytes_max(*coded);
    if (held <= std::max<uint64_t>(limits::kGossipHeldBytes, payloads * limits::kChunkBytesMin)) return {};
    return fail(Code::E_UNSUPPORTED, "gossip with codec " + o.codec->text() + ": neighbours may send " +
                                         std::to_string(held >> 20) +
                                         " MiB ahead, since it cuts tensors at " + std::to_string(*coded) +
                                         " elements; take smaller blocks, or fewer neighbours");
}

std::unique_ptr<op::RunningOp> Engine::Impl::make_gossip(OpRecord& record, std::vector<bool> alive, Rank self,
                                                         bool abstains) {
    const PostOptions& o = record.options;
    op::GossipConfig config;
    config.id = record.id;
    config.descriptor = record.descriptor;
    config.coding = record.coding;
    config.graph = record.graph;
    config.self = self;
    config.alive = std::move(alive);
    config.in = o.in;
    config.out = o.out;
    config.abstains = abstains;
    config.grace = o.grace;
    if (o.budget.ns > 0) config.give_up = record.posted + o.budget;
    config.held_bytes = config_.window_bytes > 0 ? config_.window_bytes : limits::kGossipHeldBytes;
    config.eager_bytes = eager_for(record);
    config.plant = config_.plant;
    return std::make_unique<op::GossipOp>(std::move(config), record, pool_);
}

// Of an op that ends before it has begun.
void Engine::Impl::tell_neighbours(const OpRecord& record, const Error& ending) {
    const std::optional<Rank> mine = record.rank_of(self());
    if (!mine) return;  // thrown out meanwhile
    const op::GossipRows rows(record.graph, record.descriptor.gossip, *mine);
    for (const Rank r : rows.neighbours())
        op_send(record.birth[r.value],
                wire::OpFail{record.id, static_cast<int32_t>(ending.code), ending.detail});
}

GossipInfo Engine::Impl::gossip_info(const OpRecord& record, const op::GossipCard& card) const {
    GossipInfo info;
    info.steps = card.steps;
    info.steps_min = card.steps_min;
    for (const Rank r : card.neighbours) info.neighbours.push_back(record.birth[r.value]);
    for (const Rank r : card.lost) info.lost.push_back(record.birth[r.value]);
    const ChunkLayout& layout = record.op->layout();
    for (const op::MixRun& run : card.mixes) {
        const uint64_t first = layout.range({run.first}).begin;
        const uint64_t end = layout.range({run.first + run.count - 1}).end;
        info.mixes.push_back({run.step, run.set, first, end - first});
    }
    return info;
}

// Its sender has ended its part of an op that this peer may yet call.
bool Engine::Impl::leaves_gossip(const std::variant<wire::Message, op::Arrival>& item) {
    const auto* message = std::get_if<wire::Message>(&item);
    const auto* said = message ? std::get_if<wire::OpFail>(message) : nullptr;
    if (said == nullptr) return false;
    return said->code == static_cast<int32_t>(Code::E_EXCLUDED) ||
           said->code == static_cast<int32_t>(Code::E_CANCELLED);
}

// What it sent counts for nothing any more. It says so again when this peer calls the op.
void Engine::Impl::forget_early(const MemberId& from, const OpId& id) {
    const auto found = early_.find(id);
    if (found == early_.end()) return;
    std::erase_if(found->second.items, [&](const auto& entry) { return entry.first == from; });
    found->second.by_sender.erase(from);
    if (found->second.items.empty()) early_.erase(found);
}

// Whoever calls a gossip op that is over here was left out of it, or called it otherwise.
void Engine::Impl::answer_for_gossip(const MemberId& from, const OpId& id, const std::string& was,
                                     const wire::Message& message) {
    const auto* post = std::get_if<wire::OpPost>(&message);
    if (post == nullptr) return;
    const std::string called = op::describe(post->descriptor);
    if (called == was)
        return op_send(from, wire::OpFail{id, static_cast<int32_t>(Code::E_EXCLUDED),
                                          "op " + to_string(id) + " is over at " + op_name(self())});
    op_send(from, wire::OpFail{id, static_cast<int32_t>(Code::E_MISMATCH),
                               "op " + to_string(id) + ": " + op_name(from) + " called it with " + called +
                                   ", " + op_name(self()) + " with " + was});
}

}  // namespace whim
