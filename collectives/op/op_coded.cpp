// What is different in an op with a codec (coding.h): contributions are encoded by a job before they leave, a
// root's fold makes bytes and elements, and a result's bytes are kept as they came until it is stable, since
// encoding its elements again may give others.
#include <algorithm>

#include "base/assert.h"
#include "collectives/op/bitmap.h"
#include "collectives/op/op.h"

namespace whim::op {

bool Op::takes(const wire::BulkHeader& header, uint64_t payload_bytes) const {
    if (header.chunk >= chunks_.size()) return false;
    const bool result = header.kind == static_cast<uint8_t>(wire::BulkKind::result);
    if (result && scatters()) return false;  // owners keep what they make: there is no room for it here
    if (result && payload_bytes == 0 && is_lost(header)) return true;
    const bool partial = header.kind == static_cast<uint8_t>(wire::BulkKind::partial);
    if (partial) return routes_ && (payload_bytes == 0 || payload_bytes == chunk_bytes(header.chunk));
    if (!coded()) return payload_bytes == chunk_bytes(header.chunk);
    return config_.coding->fits(result, layout_.range({header.chunk}).count(), payload_bytes);
}

// Most bytes of one contribution on the wire.
uint64_t Op::contribution_bytes_max() const {
    const uint64_t elements =
        std::min<uint64_t>(layout_.chunk_elements, std::max<uint64_t>(1, layout_.elements));
    const uint64_t bytes =
        coded() ? config_.coding->contribution_bytes_max(elements) : elements * layout_.element_bytes;
    return std::max<uint64_t>(1, bytes);
}

// Where a chunk begins, for codecs, which cut at multiples of their blocks: parts of any length begin there.
uint64_t Op::place(uint32_t c) const { return uint64_t{c} * layout_.chunk_elements; }

double Op::byte_ns(const std::vector<Rank>& to) {
    if (!config_.coding->codec().packs()) return 0;
    const double ns = host_.byte_ns(to);
    ++(ns > 0 ? card_.packing_paid : card_.packing_did_not);
    return ns;
}

double Op::result_byte_ns() {
    std::vector<Rank> to;
    for (uint32_t r = 0; r < birth_count_ && !scatters(); ++r) {
        if (r != self() && alive(r)) to.push_back({r});
    }
    return byte_ns(to);
}

void Op::encode(uint32_t c) {
    if (!encoding_.insert(c).second) return;  // sent to whom it is due by then, once it is there
    const uint64_t elements = layout_.range({c}).count();
    RunningJob running{.chunk = c, .encodes = true};
    running.encoded = pool_.take(config_.coding->contribution_bytes_max(elements));
    running.outcome = std::make_shared<JobOutcome>();
    Job job{.id = host_.next_job_id(), .kind = JobKind::encode};
    give_input(job, c, 1.0f);
    job.outcome = running.outcome;
    job.coding = config_.coding;
    job.first = place(c);
    job.self = self();
    if (config_.plant == Plant::dither_anew) job.self += 1000 * version_;
    job.encoded = running.encoded->bytes();
    job.byte_ns = byte_ns({Rank{chunks_[c].contributed_to}});
    running_.emplace(job.id, std::move(running));
    ++jobs_;
    host_.submit(std::move(job));
}

void Op::encoded(uint32_t c, RunningJob& running, Instant now) {
    encoding_.erase(c);
    const Chunk& chunk = chunks_[c];
    const bool wanted = mode_ == Mode::member && !ending_ && chunk.state == ChunkState::open &&
                        chunk.contributed_to != UINT32_MAX;
    if (wanted) {
        if (const auto& refusal = running.outcome->refusal)
            return fail_for_all(refusal->why.code, place_name(c) + ": " + refusal->why.detail, now);
        running.encoded->shrink(running.outcome->bytes);
        encoded_[c] = std::move(running.encoded);
        if (alive(chunk.contributed_to)) send_contribution(c, chunk.contributed_to);
    }
    const auto parked = parked_.extract(c);
    if (!parked.empty()) on_chunk(parked.mapped().first, std::move(parked.mapped().second), now);
}

// order: (position, rank) of the contributions, all there.
void Op::fold_coded(uint32_t c, const std::vector<std::pair<uint32_t, uint32_t>>& order, RunningJob running) {
    const Rooted& root = rooted(c);
    const uint64_t elements = layout_.range({c}).count();
    running.encoded = pool_.take(config_.coding->result_bytes_max(elements));
    running.outcome = std::make_shared<JobOutcome>();
    Job job{.id = *root.job, .kind = JobKind::fold_coded};
    for (const auto& [position, rank] : order) {
        const Given& given = root.given[rank];
        job.ranks.push_back(rank);
        if (!given.buffer) {
            give_input(job, c, given.weight);
            continue;
        }
        running.inputs.push_back(given.buffer);
        job.inputs.push_back({given.buffer->bytes(), given.weight});
    }
    give_output(job, c, running.packed);
    job.outcome = running.outcome;
    job.coding = config_.coding;
    job.first = place(c);
    job.self = self();
    job.encoded = running.encoded->bytes();
    job.byte_ns = result_byte_ns();
    running_.emplace(job.id, std::move(running));
    ++jobs_;
    host_.submit(std::move(job));
}

std::string Op::place_name(uint32_t c) const {
    return "chunk " + std::to_string(c) + " of op " + to_string(config_.id);
}

// Whether the fold made a result. Otherwise a contributor broke the protocol, and the chunk is folded once it
// is out; or the result cannot be encoded, or the application's codec or reducer failed, and the op ends for
// all.
bool Op::accept(RunningJob& running, Instant now) {
    if (!running.outcome || !running.outcome->refusal) {
        if (!running.encoded) return true;
        running.encoded->shrink(running.outcome->bytes);
        if (!scatters()) hold(running.chunk, std::move(running.encoded));
        return true;
    }
    const Coding::Refusal& refusal = *running.outcome->refusal;
    Rooted& root = rooted(running.chunk);
    root.job.reset();
    const std::string where = place_name(running.chunk);
    if (!refusal.rank) {
        fail_for_all(refusal.why.code, where + ": " + refusal.why.detail, now);
        return false;
    }
    root.given[*refusal.rank] = {};
    host_.violated({*refusal.rank}, "a contribution to " + where + ": " + refusal.why.detail);
    if (alive(*refusal.rank)) return false;
    // It is out already: nobody will be told to go on without it.
    if (uniform())
        fail_for_all(refusal.why.code, where + ": of a member that is gone: " + refusal.why.detail, now);
    else try_fold(running.chunk, now);
    return false;
}

// Puts what a result stands for into the output and keeps its bytes. False: its sender broke the protocol, or
// the application's codec its contract.
bool Op::open_result(Rank from, const Arrival& arrival) {
    const uint32_t c = arrival.header.chunk;
    const std::vector<bool> set = from_bitmap(arrival.header.contributors, birth_count_);
    const auto contributors = static_cast<size_t>(std::count(set.begin(), set.end(), true));
    BufferRef packed;
    const MutableByteSpan out = open_output(c, packed);
    const size_t elements = out.size() / sizeof(float);
    const BufferRef sums = config_.coding->bundles() ? pool_.take(out.size()) : nullptr;
    const auto floats = [&](MutableByteSpan bytes) {
        return std::span<float>(reinterpret_cast<float*>(bytes.data()), elements);
    };
    const Status opened =
        config_.coding->unpack(arrival.buffer->bytes(), contributors,
                               sums ? floats(sums->bytes()) : std::span<float>(), floats(out));
    if (!opened.ok()) {
        const std::string what = "the result of " + place_name(c) + ": " + opened.error().detail;
        if (opened.error().code != Code::E_BROKEN_CONTRACT) {
            host_.violated(from, what);
            return false;
        }
        // This peer's codec failed. Others may have the whole result by now: it leaves them the op.
        host_.request_exclusion({config_.self}, what, 1);
        abandon(Code::E_BROKEN_CONTRACT, what, now_);
        return false;
    }
    if (packed) write_output(c, packed->bytes());
    hold(c, arrival.buffer);
    return true;
}

// Not of the group's budget while the op runs: the bytes are needed until the chunk is stable.
void Op::hold(uint32_t c, BufferRef result) {
    unpaid_bytes_ += result->bytes().size();
    retained_[c] = std::move(result);
}

// Planted bug: encodes what a result stands for once more.
BufferRef Op::encoded_again(uint32_t c) {
    BufferRef packed;
    const ByteSpan out = read_output(c, packed);
    const std::span<const float> elements(reinterpret_cast<const float*>(out.data()),
                                          out.size() / sizeof(float));
    BufferRef again = pool_.take(config_.coding->contribution_bytes_max(elements.size()));
    again->shrink(*config_.coding->contribute(elements, place(c), {0}, again->bytes()));
    return again;
}

}  // namespace whim::op
