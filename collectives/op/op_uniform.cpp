// Uniform ops: one contributor set for the whole buffer. Outputs are final only when the op's leader, the
// lowest living birth rank, has heard that every member holds every chunk of the attempt. After a loss
// everyone freezes and reports; the leader keeps the attempt when every chunk is held or can still be folded
// with exactly its set, and otherwise begins a new one among the living. An attempt's number is the version
// it began under.
#include <algorithm>

#include "collectives/op/bitmap.h"
#include "collectives/op/op.h"

namespace whim::op {

uint32_t Op::leader() const {
    return static_cast<uint32_t>(std::find(alive_.begin(), alive_.end(), true) - alive_.begin());
}

void Op::freeze_and_report(Instant now) {
    frozen_ = true;
    held_told_ = false;
    held_by_.clear();
    decision_.reset();
    std::vector<uint32_t> available;
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        bool can = chunks_[c].state != ChunkState::open;
        if (!can && chunks_[c].root == self()) {
            can = true;
            const auto found = rooted_.find(c);
            for (uint32_t r = 0; r < birth_count_; ++r) {
                if (!attempt_set_[r] || r == self()) continue;
                // An absent announcement means that the set itself is not known yet.
                if (!posted_[r])
                    can = can && config_.descriptor.reduce == Reduce::copy && r != config_.descriptor.source;
                else if (contributes(r))
                    can = can && found != rooted_.end() && found->second.given[r].present;
            }
        }
        if (can) available.push_back(c);
    }
    const wire::OpReport report{config_.id, attempt_, version_, final_, to_ranges(available)};
    if (leader() == self()) on_report(config_.self, report, now);
    else host_.send({leader()}, report);
}

void Op::on_report(Rank from, const wire::OpReport& message, Instant now) {
    if (message.version < version_ || !alive(from.value) || leader() != self() || mode_ != Mode::member)
        return;
    Report report{.attempt = message.attempt,
                  .final = message.final,
                  .available = std::vector<bool>(chunks_.size(), false)};
    for (const wire::ChunkRange& range : message.available) {
        const uint64_t end = std::min<uint64_t>(uint64_t{range.first} + range.count, chunks_.size());
        for (uint64_t c = range.first; c < end; ++c) report.available[c] = true;
    }
    reports_[from.value] = std::move(report);
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (alive(r) && !reports_.contains(r)) return;
    }
    decide(now);
}

void Op::decide(Instant now) {
    bool final = false;
    bool same_attempt = true;
    std::vector<bool> available(chunks_.size(), false);
    for (const auto& [rank, report] : reports_) {
        final |= report.final;
        same_attempt &= report.attempt == attempt_;
        for (size_t c = 0; c < available.size(); ++c) available[c] = available[c] || report.available[c];
    }
    const bool whole = std::find(available.begin(), available.end(), false) == available.end();
    const bool keep = (same_attempt && whole) || config_.plant == Plant::uniform_mix_sets;
    wire::OpDecide decision{config_.id, keep ? attempt_ : version_, version_, final};
    send_all(decision);
    on_decide(decision, now);
}

void Op::on_decide(const wire::OpDecide& decision, Instant now) {
    if (ended_ || ending_ || mode_ != Mode::member) return;
    if (decision.final) {
        // Who does not hold what became final is no member any more, and will hear of it.
        if (decision.attempt == attempt_ && holds_all()) finish_uniform(now);
        return;
    }
    if (decision.version < version_ || !frozen_) return;
    decision_ = decision;
    if (jobs_ == 0) apply_decision(now);  // otherwise when the last job has stopped writing to the output
}

void Op::apply_decision(Instant now) {
    const wire::OpDecide decision = *decision_;
    decision_.reset();
    if (decision.version < version_) return;
    frozen_ = false;
    if (decision.attempt != attempt_) begin_attempt(decision.attempt);
    reroot(now);
    for (uint32_t c = 0; c < chunks_.size(); ++c) try_fold(c, now);
    replay_waiting(now);
    tell_held(now);
}

void Op::tell_held(Instant now) {
    if (frozen_ || held_told_ || !holds_all() || jobs_ > 0 || final_ || ending_) return;
    held_told_ = true;
    if (config_.plant == Plant::uniform_final_early) return finish_uniform(now);
    if (leader() == self()) on_held(config_.self, wire::OpHeld{config_.id, attempt_, version_}, now);
    else host_.send({leader()}, wire::OpHeld{config_.id, attempt_, version_});
}

void Op::on_held(Rank from, const wire::OpHeld& held, Instant now) {
    if (held.version < version_ || held.attempt != attempt_ || !alive(from.value) || frozen_ ||
        leader() != self())
        return;
    held_by_.insert(from.value);
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (alive(r) && !held_by_.contains(r)) return;
    }
    finish_uniform(now);
}

// Every member holds every chunk. Passed on by everyone once, since the leader may die while it tells.
void Op::finish_uniform(Instant now) {
    if (final_ || ended_ || ending_) return;
    final_ = true;
    frozen_ = false;
    send_all(wire::OpDecide{config_.id, attempt_, version_, true});
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        if (chunks_[c].state == ChunkState::has) release(c);
    }
    settle(now);
}

}  // namespace whim::op
