// How an op ends: its buffers go back to the application once every chunk is there, nothing reads or writes
// them any more, and what others may still ask for has been copied.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "collectives/op/op.h"

namespace whim::op {

void Op::abandon(Code code, const std::string& detail, Instant now) {
    now_ = now;
    if (unstaging_) return;  // the final result is being written: too late to go without
    if (ended_ || ending_) {
        // A completed op may still keep results for others; whoever abandons it (eviction) keeps nothing.
        mode_ = Mode::abandoned;
        if (ended_) drop_retained();
        return;
    }
    mode_ = Mode::abandoned;
    fail(code, detail, now);
    settle();
}

// Those that were left out hear of it too: they wait for results that will never come.
void Op::fail_for_all(Code code, const std::string& detail, Instant now) {
    now_ = now;
    if (ended_ || ending_) return;
    if (mode_ == Mode::member) {
        for (uint32_t r = 0; r < birth_count_; ++r) {
            if (r != self() && !evicted_[r])
                host_.send({r}, wire::OpFail{config_.id, static_cast<int32_t>(code), detail});
        }
    }
    fail(code, detail, now);
    settle();
}

void Op::fail(Code code, const std::string& detail, Instant) {
    if (ended_ || ending_ || unstaging_) return;
    ending_ = true;
    end_code_ = code;
    end_detail_ = detail;
}

bool Op::lends() const {
    if (jobs_ > 0) return true;
    return std::any_of(pins_.begin(), pins_.end(), [](const Pin& pin) { return !pin.buffer; });
}

void Op::settle() {
    if (ended_) return;
    if (ending_) {
        if (lends()) return;
        ended_ = true;
        blamed_.clear();
        refresh_card();
        waiting_.clear();
        encoded_.clear();
        packed_results_.clear();
        partials_.clear();
        drop_retained();
        stop_listening();
        if (config_.plant == Plant::touch_failed_input && !config_.out.empty())
            config_.out.pieces(0, 1)[0][0] ^= std::byte{1};
        host_.ended(end_code_, end_detail_);
        return;
    }
    if (mode_ == Mode::abandoned) return;
    if (mode_ == Mode::listener && !unstaging_) {
        if (unreleased_count_ > 0) return;
    } else if (!holds_all() || (frozen_ && !unstaging_)) {  // what is frozen may yet be void
        return;
    }
    if (!unstaging_ && jobs_ > 0) return;
    for (auto& [root, chunks] : pending_acks_) {
        if (!chunks.empty()) flush_acks(root);
    }
    // First the copies: what is still to be sent then leaves from them, and a slow receiver keeps nobody.
    if (!retain() || !unstage() || lends()) return;
    stop_listening();
    ended_ = true;
    blamed_.clear();  // the host takes back what was asked
    packed_results_.clear();
    refresh_card();
    if (mode_ == Mode::listener && uniform()) {  // left out while the result was written: nobody asks for it
        mode_ = Mode::abandoned;
        drop_retained();
    }
    host_.ended(Code::OK, "");
}

// A result that came when the op is nearly over is likely to be asked for still when it is: kept as it came,
// if the budget allows, it needs no copy then.
void Op::keep(uint32_t c, BufferRef result) {
    const uint64_t left = uint64_t{open_count_} * layout_.chunk_elements * layout_.element_bytes;
    const uint64_t bytes = result->bytes().size();
    const bool wanted =
        mode_ == Mode::member && left <= limits::kResultsKeptBytes && config_.plant != Plant::no_retention;
    if (!wanted || !host_.reserve_retained(bytes)) return;
    retained_bytes_ += bytes;
    retained_[c] = std::move(result);
}

// What other ops keep for those that were left out of them gives way.
bool Op::reserve(uint64_t bytes) {
    if (host_.reserve_retained(bytes)) return true;
    host_.dismiss_listeners_elsewhere();
    return host_.reserve_retained(bytes);
}

// Copies what others may still ask for out of the application's buffer; false when the budget does not allow
// it yet.
bool Op::retain() {
    if (retained_all_ || config_.plant == Plant::no_retention) return true;
    std::vector<uint32_t> wanted;
    uint64_t bytes = 0;
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        const auto root = rooted_.find(c);
        const bool listened = root != rooted_.end() && !root->second.listeners.empty();
        if (coded()) break;  // they are all kept as they came
        if ((chunks_[c].state != ChunkState::has && !listened) || retained_.contains(c)) continue;
        wanted.push_back(c);
        bytes += chunk_bytes(c);
    }
    bytes += std::exchange(unpaid_bytes_, 0);
    if (bytes > 0 && !reserve(bytes)) {
        if (coded()) unpaid_bytes_ = bytes;
        if (!room_short_since_) {
            room_short_since_ = now_;
            leave_out_where_room_is_short(now_);
        }
        return dismiss_listeners() && retain();
    }
    retained_all_ = true;
    retained_bytes_ += bytes;
    for (const uint32_t c : wanted) {
        BufferRef copy;
        const ByteSpan result = read_output(c, copy);
        if (!copy) {
            copy = pool_.take(result.size());
            std::copy(result.begin(), result.end(), copy->bytes().begin());
        }
        retained_[c] = std::move(copy);
    }
    card_.retained = std::max(card_.retained, static_cast<uint32_t>(retained_.size()));
    return true;
}

// Has a worker copy the final result of an in-place uniform op to where the application wants it.
bool Op::unstage() {
    if (!staging_ || unstaged_) return true;
    if (!unstaging_ && !lends()) {
        Job job;
        job.id = host_.next_job_id();
        job.kind = JobKind::spread;
        job.inputs.push_back({staging_->bytes(), 1.0f});
        job.out_pieces = staged_places();
        unstaging_ = job.id;
        ++jobs_;
        host_.submit(std::move(job));
    }
    return false;
}

void Op::drop_retained() {
    host_.release_retained(retained_bytes_);
    retained_bytes_ = unpaid_bytes_ = 0;
    retained_all_ = false;
    retained_.clear();
}

// Some of what was kept is not needed any more.
void Op::let_go(uint64_t bytes) {
    const uint64_t unpaid = std::min(bytes, unpaid_bytes_);
    unpaid_bytes_ -= unpaid;
    retained_bytes_ -= bytes - unpaid;
    host_.release_retained(bytes - unpaid);
}

bool Op::closed() const {
    if (!ended_ || jobs_ > 0 || !pins_.empty()) return false;
    if (end_code_ != Code::OK || mode_ == Mode::abandoned) return true;
    // Others wait for what this peer decides, or reports once it has installed what they have.
    if (frozen_ || !waiting_.empty()) return false;
    if (unreleased_count_ > 0 || !retained_.empty() || !pending_stable_.empty()) return false;
    // Of parts that are lost nothing is kept, and yet whoever was left out waits to hear that they are.
    return std::all_of(rooted_.begin(), rooted_.end(),
                       [](const auto& entry) { return entry.second.listeners.empty(); });
}

ByteSpan Op::pinned(Pin pin, ByteSpan bytes) {
    // A slow receiver would keep the application's memory for as long as its strand takes: whoever waits for
    // nobody lends none, since which one turns out slow shows later.
    const bool kept = behind_[pin.to] || config_.grace.ns > 0;
    if (kept && (!pin.buffer || pin.buffer == staging_) && !bytes.empty()) {
        pin.buffer = pool_.take(bytes.size());
        std::memcpy(pin.buffer->bytes().data(), bytes.data(), bytes.size());
        bytes = pin.buffer->bytes();
    }
    pins_.push_back(std::move(pin));
    return bytes;
}

std::optional<ByteSpan> Op::pin(Rank to, wire::BulkKind kind, uint32_t c, uint32_t attempt) {
    if (attempt != attempt_ || c >= chunks_.size() || mode_ == Mode::abandoned) return std::nullopt;
    const Chunk& chunk = chunks_[c];
    Pin pin{to.value, kind, c, attempt};
    if (kind == wire::BulkKind::partial)
        return ended_ || ending_ ? std::nullopt : pin_partial(std::move(pin));
    if (kind == wire::BulkKind::contribution) {
        const bool wanted = chunk.state == ChunkState::open && mode_ == Mode::member;
        const uint32_t root = routed() ? routes_->of(c).up : chunk.root;
        if (ended_ || ending_ || root != to.value || !wanted || chunk.spared) return std::nullopt;
        if (!coded()) {
            pin.buffer = packed_already(kind, c);
            if (pin.buffer) return pinned(pin, pin.buffer->bytes());
            const ByteSpan bytes = read_input(c, pin.buffer);
            return pinned(std::move(pin), bytes);
        }
        const auto ready = encoded_.find(c);
        if (ready == encoded_.end()) return std::nullopt;
        pin.buffer = ready->second;
        return pinned(pin, pin.buffer->bytes());  // not moved: which argument comes first is open
    }
    // What a peer that was left out holds by now need not be what it was going to send, nor as long.
    if (mode_ == Mode::listener) return std::nullopt;
    if (chunk.state == ChunkState::open || (ended_ && end_code_ != Code::OK) || evicted_[to.value])
        return std::nullopt;
    // What trees were going to pass on is sent by roots once they hold no longer.
    if (routes_ && !routed() && chunk.root != self() && chunk.root != to.value &&
        config_.plant != Plant::adopt_passed_on_late)
        return std::nullopt;
    if (lost(c)) return pinned(std::move(pin), {});
    if (const auto kept = retained_.find(c); kept != retained_.end()) {
        if (orphan(c)) ++card_.retained_served;  // it saved an orphan
        pin.buffer = kept->second;               // stays though the op lets go of it meanwhile
        if (config_.plant == Plant::encode_again && coded() && !ended_) pin.buffer = encoded_again(c);
        return pinned(pin, pin.buffer->bytes());
    }
    if (coded()) return std::nullopt;  // a listener's
    if (ended_ && config_.plant != Plant::no_retention) return std::nullopt;
    pin.buffer = packed_already(kind, c);
    if (pin.buffer) return pinned(pin, pin.buffer->bytes());
    const ByteSpan bytes = read_output(c, pin.buffer);
    if (is_staged(bytes)) pin.buffer = staging_;
    const ByteSpan lent = pinned(std::move(pin), bytes);
    if (pins_.back().buffer != staging_) keep_packed(c, pins_.back().buffer);  // one does for all receivers
    return lent;
}

void Op::unpin(Rank to, wire::BulkKind kind, uint32_t c, uint32_t attempt) {
    const auto found = std::find_if(pins_.begin(), pins_.end(), [&](const Pin& pin) {
        return pin.to == to.value && pin.kind == kind && pin.chunk == c && pin.attempt == attempt;
    });
    WHIM_ASSERT(found != pins_.end());
    pins_.erase(found);
    if (decision_ && may_apply()) apply_decision(now_);
    settle();
}

}  // namespace whim::op
