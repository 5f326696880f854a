// The steps of a gossip op's chunks: values to neighbours, values from them, mixing.
#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/limits.h"
#include "collectives/op/gossip_op.h"

namespace whim::op {

uint32_t GossipOp::done_below() const { return chunks_.empty() ? next_ : chunks_.begin()->first; }

MutableByteSpan GossipOp::output(uint32_t c) const {
    return config_.out.subspan(layout_.byte_offset({c}), layout_.chunk_bytes({c}));
}

// Takes every step that can be taken, begins chunks as the window moves, and says how far this peer is.
void GossipOp::go_on() {
    if (!running()) return;
    std::vector<uint32_t> under_way;
    for (const auto& [c, chunk] : chunks_) under_way.push_back(c);
    for (const uint32_t c : under_way) advance(c);
    while (next_ < layout_.chunks() && next_ < uint64_t{done_below()} + window_) {
        const uint32_t c = next_++;
        const BufferRef values = pool_.take(layout_.chunk_bytes({c}));
        const ByteSpan in = config_.in.subspan(layout_.byte_offset({c}), values->bytes().size());
        if (!in.empty()) std::memcpy(values->bytes().data(), in.data(), in.size());
        chunks_[c].now = values;
        begin_step(c);
        advance(c);
    }
    const uint32_t done = done_below();
    if (done == said_done_ || (done < layout_.chunks() && done - said_done_ < std::max(1u, window_ / 4)))
        return;
    said_done_ = done;
    for (const auto& [rank, n] : neighbours_) {
        if (n.open) host_.send({rank}, wire::OpGrant{config_.id, 0, done, 0, {}});
    }
}

// Neighbours get the values that the next step of the chunk is taken with.
void GossipOp::begin_step(uint32_t c) {
    Chunk& chunk = chunks_.at(c);
    if (!config_.coding) return offer(c, chunk.step, chunk.now);
    const std::vector<Rank>& from = rows_.row(chunk.step).from;
    const bool wanted = std::any_of(from.begin(), from.end(), [&](Rank r) {
        return neighbours_.at(r.value).open || chunk.given.contains({chunk.step, r.value});
    });
    if (wanted) encode(c);
}

void GossipOp::encode(uint32_t c) {
    Chunk& chunk = chunks_.at(c);
    chunk.busy = true;
    RunningJob running{.chunk = c, .encodes = true, .inputs = {chunk.now}};
    running.out = pool_.take(config_.coding->contribution_bytes_max(layout_.range({c}).count()));
    running.outcome = std::make_shared<JobOutcome>();
    Job job{.id = host_.next_job_id(), .kind = JobKind::encode, .inputs = {{chunk.now->bytes(), 1.0f}}};
    job.outcome = running.outcome;
    job.coding = config_.coding;
    job.first = uint64_t{c} * layout_.chunk_elements;
    job.self = config_.self.value;
    job.step = chunk.step;
    job.encoded = running.out->bytes();
    if (config_.coding->codec().packs()) job.byte_ns = host_.byte_ns(rows_.row(chunk.step).from);
    jobs_.emplace(job.id, std::move(running));
    host_.submit(std::move(job));
}

void GossipOp::encoded(const RunningJob& job) {
    Chunk& chunk = chunks_.at(job.chunk);
    chunk.busy = false;
    if (!running()) return;
    if (const auto& refusal = job.outcome->refusal) {
        const std::string why =
            place_name(job.chunk) + " after " + std::to_string(chunk.step) + " steps: " + refusal->why.detail;
        if (refusal->why.code != Code::E_BROKEN_CONTRACT) return stop(why);
        say_leaving(refusal->why.code, why);
        return fail(refusal->why.code, why);
    }
    job.out->shrink(job.outcome->bytes);
    if (config_.plant != Plant::gossip_stale_encoding || !chunk.sent) chunk.sent = job.out;
    offer(job.chunk, chunk.step, job.out);
    go_on_with(job.chunk);
}

uint64_t GossipOp::payload_bytes_max() const {
    const uint64_t elements = layout_.chunks() == 0 ? 0 : layout_.range({0}).count();
    const uint64_t bytes =
        config_.coding ? config_.coding->contribution_bytes_max(elements) : elements * layout_.element_bytes;
    return std::max<uint64_t>(1, bytes);
}

std::string GossipOp::place_name(uint32_t c) const {
    return "chunk " + std::to_string(c) + " of op " + to_string(config_.id);
}

// The values of a step are for all who mix them in it.
void GossipOp::offer(uint32_t c, uint32_t step, const BufferRef& values) {
    Held held{values, {}};
    for (const Rank r : rows_.row(step).from) {
        if (neighbours_.at(r.value).open) held.to.insert(r.value);
    }
    if (held.to.empty()) return;
    const std::set<uint32_t> to = held.to;
    held_.emplace(ChunkStep{c, step}, std::move(held));
    for (const uint32_t rank : to) {
        neighbours_.at(rank).unsent.insert({c, step});
        pump(rank);
    }
}

// As far as the neighbour's window allows; before it has called the op, as far as an eager sender may go.
void GossipOp::pump(uint32_t rank) {
    Neighbour& n = neighbours_.at(rank);
    while (!n.unsent.empty()) {
        const auto [c, step] = *n.unsent.begin();
        const auto held = held_.find({c, step});
        if (held == held_.end() || !held->second.to.contains(rank)) {  // it says that it has no need of them
            n.unsent.erase(n.unsent.begin());
            continue;
        }
        const uint64_t bytes = held->second.values->bytes().size();
        const bool allowed = n.posted
                                 ? c < uint64_t{n.done} + n.window
                                 : c < limits::kGossipAheadMin && n.sent_bytes + bytes <= config_.eager_bytes;
        if (!allowed) return;
        n.unsent.erase(n.unsent.begin());
        n.sent_bytes += bytes;
        n.heard = std::max(n.heard, now_);  // only now it can go on
        card_.bytes_sent += bytes;
        wire::BulkHeader header;
        header.kind = static_cast<uint8_t>(wire::BulkKind::contribution);
        header.op = config_.id;
        header.attempt = step;
        header.chunk = c;
        host_.send_chunk({rank}, header, static_cast<uint32_t>(bytes));
    }
}

std::map<GossipOp::ChunkStep, GossipOp::Held>::iterator GossipOp::drop(
    std::map<ChunkStep, Held>::iterator held, uint32_t rank) {
    held->second.to.erase(rank);
    if (!held->second.to.empty()) return std::next(held);
    if (retained_bytes_) {
        const uint64_t bytes = held->second.values->bytes().size();
        *retained_bytes_ -= bytes;
        host_.release_retained(bytes);
    }
    return held_.erase(held);
}

bool GossipOp::takes(const wire::BulkHeader& header, uint64_t payload_bytes) const {
    const bool known = header.kind == static_cast<uint8_t>(wire::BulkKind::contribution) &&
                       header.attempt < rows_.steps() && header.chunk < layout_.chunks();
    if (!known) return false;
    if (!config_.coding) return payload_bytes == layout_.chunk_bytes({header.chunk});
    return config_.coding->fits(false, layout_.range({header.chunk}).count(), payload_bytes);
}

void GossipOp::on_chunk(Rank from, Arrival arrival, Instant now) {
    now_ = now;
    const wire::BulkHeader& header = arrival.header;
    const uint32_t c = header.chunk, step = header.attempt;
    const auto found = neighbours_.find(from.value);
    if (found == neighbours_.end() || !found->second.open || !running()) return;
    if (!takes(header, arrival.buffer->bytes().size()) || !rows_.row(step).has(from)) return;
    found->second.heard = now;
    card_.bytes_received += arrival.buffer->bytes().size();
    // It is past all earlier steps of the chunk.
    for (auto held = held_.lower_bound({c, 0}); held != held_.end() && held->first < ChunkStep{c, step};)
        held = drop(held, from.value);
    if (c < next_ && !chunks_.contains(c)) return settle();  // done with, so it is not needed
    // A neighbour has this peer's values of a step before it begins the next one.
    const bool ahead = c >= next_ || (!rows_.changes() && step > chunks_.at(c).step + 1);
    if (ahead) {
        if (found->second.posted)
            host_.violated(
                from, "step " + std::to_string(step) + " of " + place_name(c) + ", further than it can be");
        return;
    }
    if (step >= chunks_.at(c).step) chunks_.at(c).given.try_emplace({step, from.value}, arrival.buffer);
    go_on_with(c);
    settle();
}

void GossipOp::go_on_with(uint32_t c) {
    const uint32_t done = done_below();
    advance(c);
    if (done_below() != done) go_on();
}

// The first neighbour whose values the next step of the chunk waits for.
std::optional<uint32_t> GossipOp::missing(const Chunk& chunk) const {
    if (chunk.busy) return std::nullopt;
    for (const Rank r : rows_.row(chunk.step).from) {
        if (neighbours_.at(r.value).open && !chunk.given.contains({chunk.step, r.value})) return r.value;
    }
    return std::nullopt;
}

void GossipOp::advance(uint32_t c) {
    const auto found = chunks_.find(c);
    if (found == chunks_.end()) return;
    Chunk& chunk = found->second;
    while (!chunk.busy && chunk.step < rows_.steps() && !missing(chunk)) mix(c, chunk);
    if (chunk.step == rows_.steps()) finish(c);
}

// One step. Who mixes nobody stays as it is; the step after it has no values of before.
void GossipOp::mix(uint32_t c, Chunk& chunk) {
    const GossipRows::Row& row = rows_.row(chunk.step);
    RunningJob running;
    running.chunk = c;
    Job job;
    job.kind = JobKind::mix;
    job.dtype = config_.descriptor.dtype;
    job.inputs.push_back({chunk.now->bytes(), 1.0f});
    running.inputs.push_back(chunk.now);
    for (size_t i = 0; i < row.from.size(); ++i) {
        const uint32_t rank = row.from[i].value;
        auto given = chunk.given.find({chunk.step, rank});
        if (config_.plant == Plant::gossip_later_step && chunk.given.contains({chunk.step + 1, rank}))
            given = chunk.given.find({chunk.step + 1, rank});
        if (given == chunk.given.end() && config_.plant == Plant::gossip_lost_weight && !config_.coding) {
            running.inputs.push_back(pool_.take(layout_.chunk_bytes({c})));
            std::fill_n(running.inputs.back()->bytes().data(), layout_.chunk_bytes({c}), std::byte{0});
            job.inputs.push_back({running.inputs.back()->bytes(), row.weights[i]});
        }
        if (given == chunk.given.end()) continue;
        running.ranks.push_back(rank);
        running.inputs.push_back(given->second);
        job.inputs.push_back({given->second->bytes(), row.weights[i]});
    }
    if (job.inputs.size() == 1) return step_taken(c, chunk, {}, chunk.now);
    if (config_.coding) {
        WHIM_ASSERT(chunk.sent);
        running.inputs.push_back(chunk.sent);
        running.outcome = std::make_shared<JobOutcome>();
        job.outcome = running.outcome;
        job.coding = config_.coding;
        job.own_encoded = chunk.sent->bytes();
        job.ranks = running.ranks;
    }
    job.omega = rows_.omega(chunk.step);
    if (job.omega != 1.0f) {
        running.inputs.push_back(chunk.before);
        job.previous = chunk.before->bytes();
    }
    if (chunk.step + 1 < rows_.steps()) {
        running.out = pool_.take(layout_.chunk_bytes({c}));
        job.out = running.out->bytes();
    } else {
        job.out = output(c);
    }
    job.id = host_.next_job_id();
    chunk.busy = true;
    jobs_.emplace(job.id, std::move(running));
    host_.submit(std::move(job));
}

void GossipOp::job_done(uint64_t job_id, Instant now) {
    now_ = now;
    const auto found = jobs_.find(job_id);
    WHIM_ASSERT(found != jobs_.end());
    const RunningJob job = std::move(found->second);
    jobs_.erase(found);
    if (job.encodes) encoded(job);
    else if (!job.copies) mixed(job);
    settle();
}

void GossipOp::mixed(const RunningJob& job) {
    Chunk& chunk = chunks_.at(job.chunk);
    chunk.busy = false;
    if (!accept(job)) return;
    step_taken(job.chunk, chunk, job.ranks, job.out);
    if (running()) go_on_with(job.chunk);
    else if (chunk.step == rows_.steps()) finish(job.chunk);
}

// Whether a step could be taken. Otherwise a neighbour sent what no codec makes, and it is taken without; or
// this peer's codec, which is the application's, broke its contract.
bool GossipOp::accept(const RunningJob& job) {
    if (!job.outcome || !job.outcome->refusal) return true;
    const Coding::Refusal& refusal = *job.outcome->refusal;
    Chunk& chunk = chunks_.at(job.chunk);
    const std::string why = place_name(job.chunk) + ": " + refusal.why.detail;
    if (refusal.rank) {
        chunk.given.erase({chunk.step, *refusal.rank});
        host_.violated({*refusal.rank}, "values of step " + std::to_string(chunk.step) + " of " + why);
        close(*refusal.rank);
        if (running()) go_on_with(job.chunk);
    } else if (running()) {
        say_leaving(refusal.why.code, why);
        fail(refusal.why.code, why);
    }
    return false;
}

// values: null once they are where the application wants them.
void GossipOp::step_taken(uint32_t c, Chunk& chunk, const std::vector<uint32_t>& ranks, BufferRef values) {
    record_.note(chunk.step, c, ranks);
    chunk.given.erase(chunk.given.begin(), chunk.given.lower_bound({chunk.step + 1, 0}));
    if (accelerated_) chunk.before = chunk.now;
    chunk.now = std::move(values);
    if (config_.plant != Plant::gossip_stale_encoding) chunk.sent = nullptr;
    ++chunk.step;
    if (chunk.step < rows_.steps() && running()) begin_step(c);
}

// The chunk takes no further step.
void GossipOp::finish(uint32_t c) {
    const Chunk& chunk = chunks_.at(c);
    if (chunk.now && !output(c).empty())
        std::memcpy(output(c).data(), chunk.now->bytes().data(), output(c).size());
    steps_min_ = std::min(steps_min_, chunk.step);
    ++final_;
    chunks_.erase(c);
}

// Of an op that stops: what is under way as it is, and what was not begun as it came. False while a job does.
bool GossipOp::write_rest() {
    while (!chunks_.empty()) finish(chunks_.begin()->first);
    if (next_ == layout_.chunks()) return true;
    steps_min_ = 0;
    const uint64_t from = layout_.byte_offset({next_});
    final_ += layout_.chunks() - next_;
    next_ = layout_.chunks();
    if (config_.in.data() == config_.out.data() || from == config_.in.size()) return true;
    Job job;
    job.id = host_.next_job_id();
    job.dtype = config_.descriptor.dtype;
    job.reduce = Reduce::copy;
    job.inputs.push_back({config_.in.subspan(from), 1.0f});
    job.out = config_.out.subspan(from);
    jobs_.emplace(job.id, RunningJob{.copies = true});
    host_.submit(std::move(job));
    return false;
}

std::optional<ByteSpan> GossipOp::pin(Rank to, wire::BulkKind kind, uint32_t c, uint32_t step) {
    const auto held = held_.find({c, step});
    if (kind != wire::BulkKind::contribution || held == held_.end()) return std::nullopt;
    if (!held->second.to.contains(to.value)) return std::nullopt;
    pins_.push_back({to.value, c, step, held->second.values});
    return pins_.back().buffer->bytes();
}

void GossipOp::unpin(Rank to, wire::BulkKind, uint32_t c, uint32_t step) {
    const auto found = std::find_if(pins_.begin(), pins_.end(), [&](const Pin& pin) {
        return pin.to == to.value && pin.chunk == c && pin.step == step;
    });
    WHIM_ASSERT(found != pins_.end());
    pins_.erase(found);
    settle();
}

uint64_t GossipOp::held_bytes() const {
    uint64_t bytes = 0;
    for (const auto& [c, chunk] : chunks_) {
        for (const auto& [from, buffer] : chunk.given) bytes += buffer->bytes().size();
    }
    return bytes;
}

}  // namespace whim::op
