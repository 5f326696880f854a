// Uniform ops: one contributor set for the whole buffer. An attempt runs like any other op: results are
// acknowledged and become stable, and whoever holds every chunk completes and keeps what is not stable yet.
// After a loss everyone freezes and reports; the leader, the lowest living birth rank, keeps an attempt that
// somebody has completed, or in which every chunk is held or can still be folded with exactly its set, and
// otherwise begins a new one among the living. An attempt's number is the version it began under.
//
// Nobody waits for the others to have everything too: the leader hears every living member before it decides,
// so no decision overrules a completion, and who has completed can give every chunk to those who lack it.
#include <algorithm>
#include <utility>

#include "collectives/op/bitmap.h"
#include "collectives/op/op.h"

namespace whim::op {

uint32_t Op::leader() const {
    return static_cast<uint32_t>(std::find(alive_.begin(), alive_.end(), true) - alive_.begin());
}

void Op::freeze_and_report(Instant now) {
    frozen_ = true;
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
                if (!posted_[r]) can = can && copies() && r != source_of(c);
                else if (contributes(r, c))
                    can = can && found != rooted_.end() && found->second.given[r].present;
            }
        }
        if (can) available.push_back(c);
    }
    const bool done = completed() || unstaging_;  // the result is, or is about to be, the application's
    if (done && config_.plant == Plant::uniform_forgets_completion) available.clear();
    const wire::OpReport report{
        config_.id,          attempt_, version_, done && !available.empty(), to_bitmap(attempt_set_),
        to_ranges(available)};
    if (leader() != self()) return host_.send({leader()}, report);
    send_all(report);  // a member that has forgotten the op, because everybody had everything, says so
    on_report(config_.self, report, now);
}

// An attempt's number is the version it began under, and it has a contributor.
bool Op::usual_attempt(uint32_t attempt, uint32_t version, const std::vector<uint8_t>& set) const {
    const std::vector<bool> members = from_bitmap(set, birth_count_);
    return attempt <= version && std::find(members.begin(), members.end(), true) != members.end();
}

// That all is done anybody may say; the rest the leader of the version alone.
bool Op::may_decide(Rank from, const wire::OpDecide& decision) {
    if (decision.everywhere || decision.version < version_) return true;  // the latter changes nothing
    if (from.value == leader() && usual_attempt(decision.attempt, decision.version, decision.set))
        return true;
    host_.violated(from, "a decision about op " + to_string(config_.id) + " that no leader takes");
    return false;
}

void Op::on_report(Rank from, const wire::OpReport& message, Instant now) {
    if (message.version < version_ || !alive(from.value) || leader() != self() || mode_ != Mode::member)
        return;
    if (!usual_attempt(message.attempt, message.version, message.set))
        return host_.violated(from,
                              "a report about op " + to_string(config_.id) + " of no attempt there was");
    Report report{.attempt = message.attempt,
                  .completed = message.completed,
                  .set = from_bitmap(message.set, birth_count_),
                  .available = std::vector<bool>(chunks_.size(), false)};
    each_chunk(message.available, chunks_.size(), [&](uint32_t c) { report.available[c] = true; });
    reports_[from.value] = std::move(report);
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (alive(r) && !reports_.contains(r)) return;
    }
    decide(now);
}

void Op::decide(Instant now) {
    bool same_attempt = true;
    const Report* done = nullptr;
    std::vector<bool> available(chunks_.size(), false);
    for (const auto& [rank, report] : reports_) {
        if (report.completed) done = &report;
        same_attempt &= report.attempt == attempt_;
        for (size_t c = 0; c < available.size(); ++c) available[c] = available[c] || report.available[c];
    }
    const bool whole = std::find(available.begin(), available.end(), false) == available.end();
    const bool keep = (same_attempt && whole) || config_.plant == Plant::uniform_mix_sets;
    wire::OpDecide decision{config_.id, version_, version_, false, to_bitmap(alive_)};
    if (done) decision.attempt = done->attempt, decision.set = to_bitmap(done->set);
    else if (keep) decision.attempt = attempt_, decision.set = to_bitmap(attempt_set_);
    send_all(decision);
    on_decide(decision, now);
}

void Op::on_decide(const wire::OpDecide& decision, Instant now) {
    if (ending_ || mode_ != Mode::member) return;
    if (decision.everywhere) {
        // Who does not hold what everybody has is no member any more, and will hear of it.
        if (decision.attempt == attempt_ && scatters()) finish_elsewhere_all();
        if (decision.attempt == attempt_ && holds_all()) all_have_all();
        return;
    }
    if (decision.version < version_ || !frozen_) return;
    decision_ = decision;
    if (may_apply()) apply_decision(now);
}

// Not while a job writes to the output; nor would another attempt write over results that have not left yet,
// which say of which attempt they are.
bool Op::may_apply() const {
    if (ended_ || unstaging_) return true;
    const auto leaves = [&](const Pin& pin) {
        return pin.kind == wire::BulkKind::result && (!pin.buffer || pin.buffer == staging_);
    };
    return jobs_ == 0 && (decision_->attempt == attempt_ || std::none_of(pins_.begin(), pins_.end(), leaves));
}

void Op::apply_decision(Instant now) {
    const wire::OpDecide decision = *decision_;
    decision_.reset();
    if (decision.version < version_) return;
    frozen_ = false;
    if (decision.attempt != attempt_) {
        if (ended_ || unstaging_) return;  // no leader decides so
        begin_attempt(decision.attempt, from_bitmap(decision.set, birth_count_));
    }
    reroot(now);
    for (uint32_t c = 0; c < chunks_.size(); ++c) try_fold(c, now);
    replay_waiting(now);
}

// Passed on by everyone once: whoever said so may tell only some before it is gone.
void Op::all_have_all() {
    const bool news = std::exchange(frozen_, false) || unreleased_count_ > 0;
    if (!news) return;
    decision_.reset();
    send_all(wire::OpDecide{config_.id, attempt_, version_, true, to_bitmap(attempt_set_)});
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        if (chunks_[c].state == ChunkState::has) release(c);
    }
    settle();
}

}  // namespace whim::op
