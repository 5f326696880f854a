// Posting an op: what is wrong with it, what all members must agree on, the look at its input.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/assert.h"
#include "collectives/plan/direct.h"
#include "collectives/plan/fit_chunks.h"
#include "collectives/plan/shares.h"
#include "engine/impl.h"

namespace whim {
namespace {

bool has_parts(Collective collective) {
    return collective == Collective::all_gather || collective == Collective::reduce_scatter;
}

Status check_tensors(const PostOptions& o) {
    if (o.tensors.empty()) return {};
    if (o.collective != Collective::all_reduce || !o.in.empty() || !o.out.empty())
        return fail(Code::E_INVALID, "tensors are for all_reduce, instead of a buffer");
    if (o.tensors.size() > limits::kTensorsPerOpMax)
        return fail(Code::E_INVALID, std::to_string(o.tensors.size()) + " tensors are more than " +
                                         std::to_string(limits::kTensorsPerOpMax));
    for (const PostTensor& tensor : o.tensors) {
        if (tensor.in.size() != tensor.out.size())
            return fail(Code::E_INVALID, "input and output of a tensor differ in size");
        if (tensor.in.size() % dtype_bytes(o.dtype) != 0)
            return fail(Code::E_INVALID, "a tensor's size is not a multiple of the element size");
    }
    return {};
}

uint32_t needed(const PostOptions& o) {
    return std::max({1u, o.min_contributors, o.reducer ? o.reducer->min_contributors() : 1});
}

// Whether there is such a reduction, of these elements, through this codec.
Status check_kind(const PostOptions& o) {
    if (!o.missing.empty()) return {};
    const std::string dtype(dtype_name(o.dtype));
    const bool defined = o.reduce == Reduce::custom ? o.reducer && o.reducer->takes(o.dtype)
                                                    : !o.reducer && reduce_supports(o.reduce, o.dtype);
    const std::string what = o.reducer ? o.reducer->text() : std::string(reduce_name(o.reduce));
    if (!defined) return fail(Code::E_UNSUPPORTED, what + " is not defined for " + dtype);
    if (!o.codec) return {};
    const bool coded = o.reduce == Reduce::sum || o.reduce == Reduce::avg || o.reduce == Reduce::copy ||
                       o.reduce == Reduce::custom;
    if (o.dtype != Dtype::f32 || !coded)
        return fail(Code::E_UNSUPPORTED, "codec " + o.codec->text() + " with " + what + " of " + dtype +
                                             ": codecs are for sum, avg, broadcast and reducers of f32");
    if (o.reduce == Reduce::custom && o.codec->sparse())
        return fail(Code::E_UNSUPPORTED,
                    "codec " + o.codec->text() + " with " + what +
                        ": what sparse codecs leave out can be missed by sum and avg only");
    return {};
}

// Whether the chunks are as few, and as small, as frames and messages about them have room for.
Status check_chunks(const wire::OpDescriptor& d) {
    const uint64_t payload = d.codec.empty() ? uint64_t{d.chunk_elements} * dtype_bytes(d.dtype) : 0;
    const uint64_t chunks = chunks_at_most(d.elements, d.chunk_elements, d.parts.size());
    const bool few = collective_gossips(d.collective) || chunks <= limits::kChunksPerOpMax;
    if (payload <= limits::kBulkPayloadBytesMax && few) return {};
    const uint64_t most = uint64_t{limits::kChunksPerOpMax} * limits::kBulkPayloadBytesMax >> 30;
    return fail(Code::E_INVALID,
                std::to_string(d.elements) + " elements of " + std::string(dtype_name(d.dtype)) +
                    (d.codec.empty() ? "" : " as " + d.codec) + " are too many for one op: nearly " +
                    std::to_string(most) + " GiB, and " + std::to_string(limits::kChunksPerOpMax) +
                    " chunks, are the most; make several ops of them");
}

}  // namespace

uint64_t PostOptions::bytes() const {
    uint64_t bytes = std::max(in.size(), out.size());
    for (const PostTensor& tensor : tensors) bytes += tensor.in.size();
    return bytes;
}

Status Engine::Impl::check(Round birth_round, const PostOptions& o) const {
    if (out_of_it_) return *out_of_it_;
    const auto birth = births_.find(birth_round);
    if (birth == births_.end())
        return fail(Code::E_STALE_ROUND, "this peer takes no part in round " +
                                             std::to_string(birth_round.value) + "; begin a round first");
    if (const Status ok = check_kind(o); !ok.ok()) return ok;
    if (o.codec && o.reduce != Reduce::copy && o.non_finite == NonFinitePolicy::allow)
        return fail(Code::E_UNSUPPORTED, "codec " + o.codec->text() + " holds no NaN and no infinity");
    const bool alike = o.collective == Collective::all_reduce || collective_gossips(o.collective);
    if (alike && o.in.size() != o.out.size()) return fail(Code::E_INVALID, "input and output differ in size");
    if (o.in.size() % dtype_bytes(o.dtype) != 0)
        return fail(Code::E_INVALID, "buffer size is not a multiple of the element size");
    if (!std::isfinite(o.weight) || o.weight < 0.0f)
        return fail(Code::E_WEIGHTS, "weight must be finite and not negative");
    if (needed(o) > birth->second.size()) {
        return fail(Code::E_TOO_FEW, std::to_string(needed(o)) +
                                         " contributors are required, the round has " +
                                         std::to_string(birth->second.size()) + " participants");
    }
    if (const Status ok = check_tensors(o); !ok.ok()) return ok;
    if (const Status ok = check_parts(birth->second, o); !ok.ok()) return ok;
    if (collective_gossips(o.collective)) {
        if (const Status ok = check_gossip(birth->second, o); !ok.ok()) return ok;
    }
    const bool has_source = o.reduce == Reduce::copy && o.collective == Collective::all_reduce;
    if (has_source && o.source >= birth->second.size())
        return fail(Code::E_INVALID, "the source's rank is not in the round");
    uint32_t open = 0;
    for (const auto& [number, record] : records_) {
        if (record->answered) continue;
        ++open;
        if (same_name(*record, birth_round, o))
            return fail(Code::E_TAG_IN_USE, "tag " + std::to_string(o.tag) +
                                                " is in use by an open op of round " +
                                                std::to_string(birth_round.value));
    }
    if (open >= limits::kOpsOpenMax)
        return fail(Code::E_TOO_MANY_OPS, std::to_string(open) + " ops are open");
    return {};
}

Status Engine::Impl::check_parts(const std::vector<MemberId>& birth, const PostOptions& o) const {
    if (!has_parts(o.collective)) return {};
    if (o.parts.empty()) {
        const uint64_t each = o.collective == Collective::all_gather ? o.in.size() : o.out.size();
        if (each <= UINT64_MAX / 2 / birth.size()) return {};
        return fail(Code::E_INVALID, std::to_string(birth.size()) + " parts of " + std::to_string(each) +
                                         " bytes are more than memory holds");
    }
    if (o.parts.size() != birth.size())
        return fail(Code::E_INVALID, std::to_string(o.parts.size()) + " counts are given, the round has " +
                                         std::to_string(birth.size()) + " participants");
    const auto self_at = std::find(birth.begin(), birth.end(), self());
    const bool gathers = o.collective == Collective::all_gather;
    const uint64_t mine = self_at == birth.end() ? 0 : o.parts[static_cast<size_t>(self_at - birth.begin())];
    const uint64_t all = std::accumulate(o.parts.begin(), o.parts.end(), uint64_t{0});
    const uint64_t bytes = dtype_bytes(o.dtype);
    if ((gathers ? o.in.size() : o.out.size()) == mine * bytes &&
        (gathers ? o.out.size() : o.in.size()) == all * bytes)
        return {};
    return fail(Code::E_INVALID, "the buffers do not hold what the counts say: " + std::to_string(mine) +
                                     " elements of this peer, " + std::to_string(all) + " of all");
}

// The larger buffer of an op with equal parts becomes as long as its round makes it. check() has seen that
// memory could hold it.
void Engine::Impl::cut_parts(PostOptions& o, size_t members) const {
    if (!has_parts(o.collective) || !o.parts.empty()) return;
    const uint64_t bytes = dtype_bytes(o.dtype);
    const bool gathers = o.collective == Collective::all_gather;
    const uint64_t each = (gathers ? o.in.size() : o.out.size()) / bytes;
    o.parts.assign(members, each);
    if (gathers) o.out = {o.out.data(), each * members * bytes};
    else o.in = {o.in.data(), each * members * bytes};
}

// A buffer that is the other's part of this peer is in place; anything else must not overlap.
bool Engine::Impl::overlaps(const PostOptions& o, Rank rank) const {
    if (!has_parts(o.collective)) return false;  // the API has looked
    const auto mine = o.parts.begin() + rank.value;
    const uint64_t at = std::accumulate(o.parts.begin(), mine, uint64_t{0}) * dtype_bytes(o.dtype);
    const auto in = reinterpret_cast<uintptr_t>(o.in.data());
    const auto out = reinterpret_cast<uintptr_t>(o.out.data());
    const bool in_place = o.collective == Collective::all_gather ? in == out + at : out == in + at;
    return !in_place && in < out + o.out.size() && out < in + o.in.size();
}

// Of ops that are open each has its own.
uint64_t Engine::Impl::next_record() {
    for (;;) {
        const uint64_t number = next_record_++ % limits::kOpNumbers;
        if (number != 0 && !records_.contains(number)) return number;
    }
}

// What all members must agree on.
Result<wire::OpDescriptor> Engine::Impl::describe(const PostOptions& o, uint32_t members, Round birth,
                                                  const plan::Plan* plan) const {
    wire::OpDescriptor d;
    d.collective = o.collective;
    d.dtype = o.dtype;
    d.reduce = o.reduce;
    d.uniform = o.uniform || o.reduce == Reduce::sum || o.reduce == Reduce::majority ||
                (o.reducer && o.reducer->uniform());
    if (o.reducer) d.reducer = o.reducer->text();
    d.finite = o.reducer && dtype_is_float(o.dtype) && o.non_finite != NonFinitePolicy::allow;
    d.parts = o.parts;
    const auto bytes = static_cast<uint32_t>(dtype_bytes(o.dtype));
    d.elements = o.bytes() / bytes;
    if (o.tensors.size() > 1) {  // one is as good as a buffer
        std::vector<uint64_t> counts;
        for (const PostTensor& tensor : o.tensors) counts.push_back(tensor.in.size() / bytes);
        d.tensors = static_cast<uint32_t>(counts.size());
        d.tensors_digest = digest_of_lengths(counts);
    }
    d.chunk_elements = choose_chunk_elements(d.elements, bytes, members, config_.chunk_bytes);
    // Small ops are bound by round trips, whoever roots them.
    const bool large = d.elements * bytes >= config_.weighed_bytes_min;
    // What a whole chunk decides is cut in the same way whatever lines carry.
    const bool anyhow = !o.reducer || o.reducer->elementwise();
    const bool from_one = o.reduce == Reduce::copy && o.collective == Collective::all_reduce;
    const std::vector<uint64_t>& rates = line_rates_.at(birth);
    const std::vector<uint64_t> unknown(members, 0);
    const bool trees = plan && plan->kind != plan::Kind::direct;
    if (trees) d.plan = digest_of_plan(*plan);
    else if (plan) d.parts = parts_of(*plan, d.elements);
    else if (from_one && large)
        d.parts = broadcast_parts(rates.size() == members ? rates : unknown, o.source, d.elements);
    else if (o.collective == Collective::all_reduce && large && anyhow && rates.size() == members)
        d.parts = direct_parts(rates, d.elements);
    const bool planted = config_.plant == Plant::shares_by_own_measure && !from_one;
    if (planted && o.parts.empty() && (config_.seed & 1)) std::reverse(d.parts.begin(), d.parts.end());
    // Parts begin chunks of their own, one more each at most.
    const uint64_t parts = trees ? plan->parts.size() : d.parts.empty() ? 0 : members;
    d.chunk_elements = fit_chunk_elements(d.elements, d.chunk_elements, parts);
    d.min_contributors = needed(o);
    d.source = from_one ? o.source : UINT32_MAX;
    if (!o.codec || members == 1) return d;  // alone, nothing travels
    const bool kept = o.collective == Collective::reduce_scatter;
    const Result<uint32_t> chunk =
        op::coded_chunk_elements(*o.codec, o.reduce, kept, d.chunk_elements, members);
    if (!chunk.ok()) return chunk.error();
    d.chunk_elements = *chunk;
    d.codec = o.codec->text();
    return d;
}

void Engine::Impl::post(AppOp app, Round birth_round, PostOptions options, Instant now) {
    Step step(*this, now);
    const Status status = check(birth_round, options);
    if (!status.ok()) return done(app, status.error().code, status.error().detail);
    std::vector<MemberId> birth = births_.at(birth_round);
    if (config_.plant == Plant::count_joiner && birth.size() < member_.view().members.size()) {
        birth.clear();
        for (const wire::MemberInfo& m : member_.view().members) birth.push_back(m.id);
    }
    const auto members = static_cast<uint32_t>(birth.size());
    const auto self_at = std::find(birth.begin(), birth.end(), self());
    const Rank rank{static_cast<uint32_t>(self_at - birth.begin())};
    cut_parts(options, members);
    if (rank.value < members && overlaps(options, rank))
        return done(app, Code::E_INVALID, "the buffers overlap, and not as this peer's part");
    std::shared_ptr<const plan::Plan> plan = plan_of(options, members, birth_round);
    Result<wire::OpDescriptor> descriptor = describe(options, members, birth_round, plan.get());
    if (!descriptor.ok()) return done(app, descriptor.error().code, descriptor.error().detail);
    const bool gossips = collective_gossips(options.collective);
    if (gossips && rank.value >= members)
        return done(app, Code::E_EVICTED, "this peer is no longer a member of the round");
    if (gossips) {
        if (const Status ok = describe_gossip(*descriptor, options, members, rank); !ok.ok())
            return done(app, ok.error().code, ok.error().detail);
    }
    if (const Status ok = check_chunks(*descriptor); !ok.ok())
        return done(app, ok.error().code, ok.error().detail);

    const std::optional<OpId> name = next_id(birth_round, options, rank);
    if (!name) return done(app, Code::E_INVALID, "the two have used the tag too often; take another");
    const OpId id = *name;
    const uint64_t number = next_record();
    auto record = std::make_unique<OpRecord>(*this, number, app, id, std::move(options), std::move(birth));
    OpRecord& r = *record;
    const PostOptions& o = r.options;
    r.in.append(o.in);
    r.out.append(o.out);
    for (const PostTensor& tensor : o.tensors) r.in.append(tensor.in), r.out.append(tensor.out);
    r.posted = now;
    if (o.budget.ns > 0 && !gossips) r.give_up = now + o.budget;  // gossip ends itself, with what it has
    r.descriptor = std::move(*descriptor);
    if (gossips) r.graph = graph_of(o.gossip, members, rank);
    if (plan && plan->kind != plan::Kind::direct) r.trees = std::move(plan);
    totals_.ops_with_trees += r.trees != nullptr;
    totals_.ops_weighed += o.collective == Collective::all_reduce && !r.descriptor.parts.empty() &&
                           r.descriptor.source == UINT32_MAX;
    if (!r.descriptor.codec.empty())
        r.coding = std::make_shared<op::Coding>(o.codec, o.reduce, o.collective == Collective::reduce_scatter,
                                                id, members, config_.plant, o.reducer);
    records_.emplace(number, std::move(record));
    by_id_[id] = number;
    if (!o.missing.empty()) return refuse_for_all(r, Code::E_MISMATCH, op_name(self()) + ": " + o.missing);
    if (scanned(r, rank)) scan(r);
    else start_op(r, false);
}

// Of what is only copied, just what is encoded has to be finite.
bool Engine::Impl::scanned(const OpRecord& r, Rank rank) const {
    const PostOptions& o = r.options;
    if (!dtype_is_float(o.dtype) || r.in.empty()) return false;
    if (o.reduce != Reduce::copy) return o.non_finite != NonFinitePolicy::allow;
    return r.coding && (o.collective == Collective::all_gather || rank == Rank{o.source});
}

// In parts, which workers share; the last one to be done decides.
void Engine::Impl::scan(OpRecord& r) {
    for (uint64_t at = 0; at < r.in.size(); at += limits::kScanBytes) {
        op::Job job;
        job.id = next_job_++;
        job.kind = op::JobKind::scan;
        job.dtype = r.options.dtype;
        const uint64_t bytes = std::min<uint64_t>(r.in.size() - at, limits::kScanBytes);
        for (const ByteSpan piece : r.in.pieces(at, bytes)) job.inputs.push_back({piece, 1.0f});
        job.coding = r.coding;
        job.outcome = std::make_shared<op::JobOutcome>();
        scans_[job.id] = {r.number, at / dtype_bytes(r.options.dtype), job.outcome};
        emit(std::move(job));
        ++r.scans;
    }
}

void Engine::Impl::finish_scan(uint64_t, const Scanning& scan) {
    const auto found = records_.find(scan.record);
    if (found == records_.end()) return;
    OpRecord& record = *found->second;
    if (record.answered) return;
    if (const std::optional<size_t>& refused = scan.outcome->refused_element)
        record.refused_element =
            std::min<uint64_t>(scan.first + *refused, record.refused_element.value_or(UINT64_MAX));
    if (--record.scans > 0) return;
    if (record.end_after_scan) {
        if (record.gossips()) tell_neighbours(record, *record.end_after_scan);
        return op_ended(record, record.end_after_scan->code, record.end_after_scan->detail);
    }
    const std::optional<uint64_t>& index = record.refused_element;
    if (!index) return start_op(record, false);
    std::string what = place_of(record, *index) + " of the input of " + op_name(self()) + " is ";
    what += record.coding ? "not finite or more than " + record.descriptor.codec + " holds" : "not finite";
    if (record.options.non_finite == NonFinitePolicy::abort || record.descriptor.source != UINT32_MAX)
        return refuse_for_all(record, Code::E_NON_FINITE, what);
    record.note = what + "; this peer's contribution was left out";
    start_op(record, true);
}

std::string Engine::Impl::place_of(const OpRecord& r, uint64_t element) const {
    uint64_t left = element;
    for (size_t t = 0; t < r.options.tensors.size(); ++t) {
        const uint64_t count = r.options.tensors[t].in.size() / dtype_bytes(r.options.dtype);
        if (left < count) return "element " + std::to_string(left) + " of tensor " + std::to_string(t);
        left -= count;
    }
    return "element " + std::to_string(element);
}

// The abort policy, or what this peer lacks: nothing but the news of it leaves this peer.
void Engine::Impl::refuse_for_all(OpRecord& record, Code code, const std::string& what) {
    const Error error = fail(code, "op " + to_string(record.id) + ": " + what);
    if (record.gossips()) tell_neighbours(record, error);
    for (const MemberId& member : record.birth) {
        if (member != self() && !record.gossips())
            op_send(member, wire::OpFail{record.id, static_cast<int32_t>(error.code), error.detail});
    }
    op_ended(record, error.code, error.detail);
}

}  // namespace whim
