// A chunk's root and its receivers: gathering contributions, folding, results, acknowledgement, stability.
#include <algorithm>
#include <cmath>

#include "base/assert.h"
#include "collectives/op/bitmap.h"
#include "collectives/op/op.h"

namespace whim::op {
namespace {

constexpr size_t kAckBatch = 8;  // chunks acknowledged, or declared stable, by one message

}  // namespace

Op::Rooted& Op::rooted(uint32_t chunk) {
    const auto [it, fresh] = rooted_.try_emplace(chunk);
    if (fresh) {
        it->second.given.resize(birth_count_);
        it->second.sent.assign(birth_count_, false);
        it->second.acked.assign(birth_count_, false);
        it->second.status.assign(birth_count_, std::nullopt);
        it->second.status_version = version_;
    }
    return it->second;
}

void Op::on_chunk(Rank from, Arrival arrival, Instant now) {
    now_ = now;
    const wire::BulkHeader& header = arrival.header;
    if (header.chunk >= chunks_.size()) return;
    if (ended_ || ending_ || mode_ == Mode::abandoned) {
        if (config_.plant == Plant::write_after_completion && ended_ &&
            arrival.buffer->bytes().size() == chunk_bytes(header.chunk)) {
            write_output(header.chunk, arrival.buffer->bytes());
        }
        return;
    }
    if (!takes(header, arrival.buffer->bytes().size())) return;
    heard(from, now);
    const bool newer = header.version > version_ && config_.plant != Plant::newer_frames_do_not_wait;
    if (newer || header.attempt > attempt_ || frozen_) {
        if (wait(from, header.version, header.attempt)) waiting_.push_back({from, std::move(arrival)});
        return;
    }
    if (header.attempt < attempt_ && config_.plant != Plant::uniform_mix_sets) return;
    card_.bytes_received += arrival.buffer->bytes().size();
    if (header.kind == static_cast<uint8_t>(wire::BulkKind::result)) on_result(from, arrival, now);
    else if (routed()) on_part(from, arrival, now);
    else if (header.kind == static_cast<uint8_t>(wire::BulkKind::contribution) ||
             (config_.plant == Plant::partials_outlive_trees && !arrival.buffer->bytes().empty()))
        on_contribution(from, arrival, now);
    settle();
}

void Op::on_contribution(Rank from, Arrival& arrival, Instant now) {
    const uint32_t c = arrival.header.chunk;
    Chunk& chunk = chunks_[c];
    if (!alive(from.value) || chunk.root != self() || mode_ != Mode::member) return;
    if (config_.plant == Plant::late_contribution) count_late(from, c);
    if (chunk.state != ChunkState::open) return;
    Rooted& root = rooted(c);
    if (root.given[from.value].present) return;
    root.given[from.value] = {.present = true,
                              .weight = arrival.header.weight,
                              .buffer = std::move(arrival.buffer),
                              .order = root.arrivals++,
                              .at = now};
    delivered_[from.value] = true;
    if (chunk.base_root == self()) ++given_count_[from.value];
    if (!missed_[from.value]) card_.contributed[from.value] = now;
    if (uniform()) note_progress(from, false);
    try_fold(c, now);
}

// A contribution that may be folded: delivered whole by somebody known to have called the same op.
bool Op::usable(const Rooted& root, uint32_t rank, uint32_t chunk) const {
    if (!contributes(rank, chunk)) return false;
    return rank == self() || (root.given[rank].present && posted_[rank]);
}

// Whether everything is there that this chunk waits for. Contributions of members that went after delivering
// theirs whole count; those of living members are waited for.
bool Op::may_fold(uint32_t c, Rooted& root, Instant now) {
    uint32_t present = 0;
    uint32_t possible = 0;
    bool complete = true;
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (usable(root, r, c)) {
            ++present;
            ++possible;
            continue;
        }
        if (!alive(r)) {
            // A uniform set that lost a contribution cannot be folded; the leader decides on a smaller one.
            if (uniform() && attempt_set_[r] && contributes(r, c)) complete = false;
            if (config_.plant == Plant::wait_for_the_dead && contributes(r, c)) complete = false;
            continue;
        }
        const bool unknown = !posted_[r] && (!copies() || r == source_of(c));
        if (unknown || contributes(r, c)) {
            complete = false;
            ++possible;
        }
    }
    if (orphan(c)) {
        if (root.status_version != version_) return false;
        for (uint32_t r = 0; r < birth_count_; ++r) {
            if (r == self() || !alive(r) || root.status[r] == wire::ChunkStatus::contributes) continue;
            if (config_.plant == Plant::decide_before_all && !root.status[r]) continue;
            if (config_.plant == Plant::count_the_unreported && !root.status[r]) continue;
            return false;
        }
        if (config_.plant == Plant::decide_before_all) complete = complete || present * 2 > possible;
    }
    const uint32_t needed = copies() ? 1 : std::max(1u, config_.descriptor.min_contributors);
    if (possible < needed) {
        if (gathers()) return true;  // its owner is gone and nobody has it
        if (copies())
            fail_for_all(Code::E_SOURCE_LOST,
                         "op " + to_string(config_.id) + ": " + host_.name({config_.descriptor.source}) +
                             " is gone and nobody has chunk " + std::to_string(c) + " of its data",
                         now);
        else
            fail_for_all(Code::E_TOO_FEW,
                         "op " + to_string(config_.id) + ": " + std::to_string(possible) +
                             " contributors are left, " + std::to_string(needed) + " are required",
                         now);
        return false;
    }
    return complete || goes_without_slow(c, root) ||
           (config_.plant == Plant::count_the_unreported && present >= needed && present + 1 == possible &&
            version_ > 0);
}

void Op::try_fold(uint32_t c, Instant now) {
    if (routed()) return fold_routed(c, now);
    Chunk& chunk = chunks_[c];
    if (ended_ || ending_ || frozen_ || mode_ != Mode::member) return;
    if (chunk.root != self() || chunk.state != ChunkState::open) return;
    Rooted& root = rooted(c);
    if (root.job || root.fetching_from || !may_fold(c, root, now)) return;

    Job job;
    job.id = host_.next_job_id();
    job.dtype = config_.descriptor.dtype;
    job.reduce = config_.descriptor.reduce;
    RunningJob running{.chunk = c, .set = std::vector<bool>(birth_count_, false)};
    std::vector<std::pair<uint32_t, uint32_t>> order;  // (position, rank)
    const bool wide = config_.descriptor.dtype == Dtype::f64;
    double weight_sum = 0.0;  // as the fold will find it: in f32, but for f64 data
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (!usable(root, r, c)) continue;
        running.set[r] = true;
        if (r == self()) root.given[r] = {.present = true, .weight = config_.weight, .buffer = nullptr};
        order.push_back({config_.plant == Plant::fold_in_arrival_order ? root.given[r].order : r, r});
        weight_sum += root.given[r].weight;
        if (!wide) weight_sum = static_cast<float>(weight_sum);
    }
    if (config_.descriptor.reduce == Reduce::avg && !weights_hold(weight_sum)) return;
    if (order.empty()) return settle_lost(c);
    std::sort(order.begin(), order.end());
    root.job = job.id;
    if (coded()) return fold_coded(c, order, std::move(running));
    if (config_.reducer) {
        job.reducer = config_.reducer;
        job.finite = config_.descriptor.finite;
        job.self = self();
        job.outcome = running.outcome = std::make_shared<JobOutcome>();
    }
    for (const auto& [position, r] : order) {
        const Given& given = root.given[r];
        const float weight = config_.plant == Plant::weigh_the_absent && version_ > 0
                                 ? given.weight * 0.5f + 0.25f
                                 : given.weight;
        if (job.reducer) job.ranks.push_back(r);
        if (!given.buffer) {
            give_input(job, c, weight);
            continue;
        }
        running.inputs.push_back(given.buffer);
        job.inputs.push_back({given.buffer->bytes(), weight});
        if (config_.plant == Plant::double_count && r != self() && version_ > 0) {
            job.inputs.push_back(job.inputs.back());
            if (job.reducer) job.ranks.push_back(r);
        }
    }
    give_output(job, c, running.packed);
    running_.emplace(job.id, std::move(running));
    ++jobs_;
    host_.submit(std::move(job));
}

// Otherwise the op ends for all.
bool Op::weights_hold(double sum) {
    if (sum > 0.0 && std::isfinite(sum)) return true;
    const char* wrong = sum > 0.0 ? "add up to more than f32 holds" : "are zero";
    fail_for_all(Code::E_WEIGHTS,
                 "op " + to_string(config_.id) + ": the weights of all contributors " + wrong, now_);
    return false;
}

void Op::job_done(uint64_t job_id, Instant now) {
    now_ = now;
    const auto it = running_.find(job_id);
    if (unstaging_ == job_id) {
        --jobs_;
        unstaged_ = true;
        return settle();
    }
    WHIM_ASSERT(it != running_.end());
    RunningJob running = std::move(it->second);
    running_.erase(it);
    --jobs_;
    if (running.encodes) encoded(running.chunk, running, now);
    else if (running.partial) partial_done(running);
    else fold_done(job_id, running, now);
    if (decision_ && may_apply()) apply_decision(now);
    if (mode_ == Mode::listener && jobs_ == 0) listen();
    settle();
}

void Op::fold_done(uint64_t job_id, RunningJob& running, Instant now) {
    const auto root = rooted_.find(running.chunk);
    const bool wanted =
        mode_ == Mode::member && !ending_ && root != rooted_.end() && root->second.job == job_id;
    if (wanted) {
        keep_packed(running.chunk, running.packed);
        if (accept(running, now)) folded(running.chunk, running.set);
    } else if (!uniform() && (!running.outcome || !running.outcome->refusal)) {
        chunks_[running.chunk].set = set_index(running.set);  // written, though not a result
    }
}

void Op::folded(uint32_t c, const std::vector<bool>& set) {
    Rooted& root = rooted(c);
    for (Given& given : root.given) given.buffer.reset();
    root.job.reset();
    adopt(c, config_.self, to_bitmap(set), std::nullopt);
    root.acked[self()] = true;
    if (open_by_root_[self()] == 0) card_.own_chunks_closed = now_;
    pass_over(c, set);
    if (scatters()) return finish_here(c);
    publish(c);
    close_chunk(c);
    check_stable(c);
}

// A chunk this peer roots needs nothing more from its contributors: their windows move on.
void Op::close_chunk(uint32_t c) {
    if (routed()) return close_routed(c);
    if (chunks_[c].base_root != self()) return;
    ++closed_count_;
    const uint64_t window = window_chunks();
    const uint64_t total = base_list_[self()].size();
    if (total <= window) return;  // nobody waits for it
    const bool due = closed_count_ - granted_count_ >= std::max<uint64_t>(1, window / 4);
    if (!due) return;
    granted_count_ = closed_count_;
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (r != self() && alive(r) && posted_[r]) grant(r);
    }
}

void Op::grant(uint32_t to) {
    const uint32_t version = routes_ && attempt_ == 0 ? version_ : 0;
    host_.send({to}, wire::OpGrant{config_.id, attempt_, granted_count_, version, {}});
}

void Op::publish(uint32_t c) {
    if (scatters()) return;
    if (routed()) return pass_on(c);
    Rooted& root = rooted(c);
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (r == self()) continue;
        const bool wants =
            (alive(r) && posted_[r] && !root.acked[r]) || (listening_[r] && root.listeners.contains(r));
        if (wants && !root.sent[r]) send_result(c, r);
    }
}

void Op::send_result(uint32_t c, uint32_t to) {
    // Its bytes are gone: the op has failed here, or somebody said untruly that all have it.
    if (coded() && !lost(c) && !retained_.contains(c)) return;
    Rooted& root = rooted(c);
    if (chunks_[c].root == self() && alive(to) && root.acked[to]) ++card_.chunks_resent;
    root.sent[to] = true;
    queue_result(c, to);
}

void Op::queue_result(uint32_t c, uint32_t to) {
    wire::BulkHeader header;
    header.kind = static_cast<uint8_t>(wire::BulkKind::result);
    header.op = config_.id;
    header.attempt = attempt_;
    header.version = version_;
    header.chunk = c;
    header.contributors = to_bitmap(sets_[chunks_[c].set]);
    const uint64_t bytes = lost(c) ? 0 : coded() ? retained_.at(c)->bytes().size() : chunk_bytes(c);
    card_.bytes_sent += bytes;
    host_.send_chunk({to}, header, static_cast<uint32_t>(bytes));
}

void Op::on_result(Rank from, Arrival& arrival, Instant now) {
    const uint32_t c = arrival.header.chunk;
    Chunk& chunk = chunks_[c];
    const bool fetched =
        chunk.root == self() && rooted_.contains(c) && rooted_.at(c).fetching_from == from.value;
    const bool stale_root_allowed =
        (config_.plant == Plant::adopt_after_report && !alive(from.value)) ||
        (config_.plant == Plant::adopt_from_excluded_root && !alive(from.value) && !evicted_[from.value]);
    const bool late_is_fine = config_.plant == Plant::adopt_passed_on_late;
    const bool passed_on = routes_ && from.value == routes_->of(c).down_from && (routed() || late_is_fine);
    if (passed_on_late(from, arrival.header) && !late_is_fine) return;
    if (chunk.root != from.value && !fetched && !stale_root_allowed && !passed_on) return;
    if (chunk.state != ChunkState::open) {
        if (mode_ == Mode::member) ++card_.chunks_resent;
        return;
    }
    if (rooted_.contains(c) && rooted_.at(c).job) return;  // this peer is folding it already
    if (is_lost(arrival.header)) {
        clear(c);
        adopt(c, from, arrival.header.contributors, std::nullopt);
    } else if (coded()) {
        if (encoding_.contains(c)) {  // of one that had given up on this peer's contribution
            parked_.insert_or_assign(c, std::pair(from, std::move(arrival)));
            return;
        }
        if (!open_result(from, arrival)) return;
        adopt(c, from, arrival.header.contributors, std::nullopt);
    } else {
        const Rank made_by = routed() ? Rank{chunk.root} : from;  // whoever passed it on
        adopt(c, made_by, arrival.header.contributors, arrival.buffer->bytes());
        keep(c, std::move(arrival.buffer));
    }
    if (chunk.stable) release(c);
    if (mode_ == Mode::listener) ++card_.listener_results;
    if (orphan(c)) ++card_.chunks_adopted;
    if (fetched) {
        Rooted& root = rooted(c);
        root.fetching_from.reset();
        root.acked[self()] = true;
        if (config_.plant != Plant::keep_own_result) resolve(c, now);
        close_chunk(c);
        return;
    }
    acknowledge(c);
    if (routed()) pass_on(c);
}

void Op::acknowledge(uint32_t c) {
    const uint32_t root = chunks_[c].root;
    std::vector<uint32_t>& pending = pending_acks_[root];
    pending.push_back(c);
    if (pending.size() >= kAckBatch || open_by_root_[root] == 0) flush_acks(root);
}

void Op::flush_acks(uint32_t root) {
    std::vector<uint32_t>& pending = pending_acks_[root];
    std::sort(pending.begin(), pending.end());
    if (root != self() && !evicted_[root])
        host_.send({root}, wire::OpAck{config_.id, attempt_, to_ranges(pending)});
    pending.clear();
}

void Op::on_ack(Rank from, const wire::OpAck& ack, Instant) {
    each_chunk(ack.chunks, chunks_.size(), [&](uint32_t chunk) {
        const auto found = rooted_.find(chunk);
        if (chunks_[chunk].root != self() || found == rooted_.end()) return;
        found->second.listeners.erase(from.value);
        if (chunks_[chunk].state == ChunkState::open) return;
        found->second.acked[from.value] = true;
        check_stable(chunk);
    });
    flush_stable();
}

// Stable: every member has the result, so nobody will ever ask for it again.
void Op::check_stable(uint32_t c) {
    Chunk& chunk = chunks_[c];
    if (chunk.root != self() || chunk.state == ChunkState::open) return;
    Rooted& root = rooted(c);
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (alive(r) && r != self() && !root.acked[r]) return;
    }
    if (chunk.state == ChunkState::has) {
        pending_stable_.push_back(c);
        release(c);
    } else if (root.listeners.empty()) {
        release(c);
    }
    flush_stable();
}

void Op::flush_stable() {
    const bool waits = own_unreleased_ > 0;  // for more chunks of this root to become stable
    if (pending_stable_.empty() || (pending_stable_.size() < kAckBatch && waits)) return;
    std::sort(pending_stable_.begin(), pending_stable_.end());
    const wire::OpStable message{config_.id, attempt_, version_, to_ranges(pending_stable_)};
    for (uint32_t r = 0; r < birth_count_; ++r) {
        // Of reduce_scatter it is all the others hear, also those that have not called it yet.
        const bool wants = posted_[r] || listening_[r] || (scatters() && alive(r));
        if (r != self() && !evicted_[r] && wants) host_.send({r}, message);
    }
    pending_stable_.clear();
}

void Op::release(uint32_t c) {
    if (chunks_[c].state == ChunkState::has) {
        --unreleased_count_;
        if (chunks_[c].root == self()) --own_unreleased_;
    }
    chunks_[c].state = ChunkState::released;
    drop_packed(c);
    const auto root = rooted_.find(c);
    if (root != rooted_.end() && !root->second.listeners.empty())
        return;  // an excluded peer still wants the copy
    const auto kept = retained_.find(c);
    if (kept == retained_.end()) return;  // a strand that still writes it has its own hold on the buffer
    const uint64_t bytes = kept->second->bytes().size();
    retained_.erase(kept);
    let_go(bytes);
}

void Op::on_stable(const wire::OpStable& stable) {
    each_chunk(stable.chunks, chunks_.size(), [&](uint32_t c) {
        if (chunks_[c].state == ChunkState::has) {
            if (chunks_[c].root == self()) pending_stable_.push_back(c);  // listeners ask the root
            release(c);
        } else if (scatters() && chunks_[c].root != self()) {
            finish_elsewhere(c);
        } else if (mode_ == Mode::listener) {
            chunks_[c].stable = true;  // the result itself is on its way
        }
    });
    flush_stable();
}

}  // namespace whim::op
