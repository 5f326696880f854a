// The op's life: beginning, dispatch of messages, adopting results. How it ends: op_end.cpp.
#include "collectives/op/op.h"

#include <algorithm>

#include "base/assert.h"
#include "collectives/op/bitmap.h"

namespace whim::op {

Op::Op(OpConfig config, OpHost& host, ChunkPool& pool)
    : config_(std::move(config)), host_(host), pool_(pool),
      birth_count_(static_cast<uint32_t>(config_.alive.size())) {
    const wire::OpDescriptor& d = config_.descriptor;
    const auto element_bytes = static_cast<uint32_t>(dtype_bytes(d.dtype));
    const uint32_t chunk_elements = std::max(1u, d.chunk_elements);
    layout_ = config_.plan      ? layout_of(*config_.plan, d.elements, element_bytes, chunk_elements)
              : d.parts.empty() ? ChunkLayout{d.elements, element_bytes, chunk_elements}
                                : ChunkLayout::of_parts(d.parts, element_bytes, chunk_elements);
    WHIM_ASSERT(self() < birth_count_ && config_.alive[self()]);
    WHIM_ASSERT(!config_.plan || (config_.plan->members == birth_count_ && !coded() && !copies()));
    if (config_.plan) routes_.emplace(config_.plan, self(), layout_);
    alive_ = config_.alive;
    evicted_.assign(birth_count_, false);
    posted_.assign(birth_count_, false);
    window_of_.assign(birth_count_, 1);
    abstains_.assign(birth_count_, false);
    delivered_.assign(birth_count_, false);
    listening_.assign(birth_count_, false);
    waiting_of_.assign(birth_count_, 0);
    if (config_.patience.ns <= 0) config_.patience = config_.grace;
    behind_ = config_.stragglers;
    behind_.resize(birth_count_, false);
    card_.contributed.resize(birth_count_);
    missed_.assign(birth_count_, false);
    passed_over_by_.assign(birth_count_, false);
    version_ = static_cast<uint32_t>(std::count(alive_.begin(), alive_.end(), false));
    fallen_ = routes_ && version_ > 0;
    posted_[self()] = true;
    abstains_[self()] = config_.abstains;
    chunks_.resize(layout_.chunks());
    open_by_root_.assign(birth_count_, 0);
    target_ = config_.out;
    if (uniform() && config_.plant != Plant::touch_failed_input) stage();
    begin_attempt(0, std::vector<bool>(birth_count_, true));
}

// Everything that was folded before counts no longer; who roots what is settled among the attempt's set.
void Op::begin_attempt(uint32_t attempt, std::vector<bool> set) {
    drop_retained();
    attempt_ = attempt;
    attempt_set_ = std::move(set);
    rooted_.clear();
    packed_results_.clear();
    base_list_.assign(birth_count_, {});
    next_.assign(birth_count_, 0);
    sent_count_.assign(birth_count_, 0);
    sent_early_.assign(birth_count_, 0);
    closed_by_.assign(birth_count_, 0);
    given_count_.assign(birth_count_, 0);
    open_by_root_.assign(birth_count_, 0);
    closed_count_ = granted_count_ = 0;
    partials_.clear();
    closed_.assign(routes_ ? chunks_.size() : 0, false);
    taken_.assign(birth_count_, 0);
    granted_.assign(birth_count_, 0);
    pending_acks_.clear();
    pending_stable_.clear();
    open_count_ = unreleased_count_ = static_cast<uint32_t>(chunks_.size());
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        Chunk& chunk = chunks_[c];
        if (attempt > 0 && chunk.state != ChunkState::open && chunk.root == self()) ++card_.chunks_refolded;
        chunk = Chunk{};
        chunk.base_root = root_of(c, attempt_set_);
        chunk.root = root_of(c, alive_);
        if (scatters()) chunk.base_root = chunk.root = layout_.owner({c}).value;  // nobody else needs it
        base_list_[chunk.base_root].push_back(c);
        ++open_by_root_[chunk.root];
    }
    own_unreleased_ = open_by_root_[self()];
    if (!scatters()) return;
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        if (!alive(chunks_[c].root)) finish_elsewhere(c);
    }
}

void Op::start(Instant now) {
    now_ = started_ = now;
    expect_progress(now);
    send_all(wire::OpPost{config_.id, config_.descriptor, config_.abstains, window_chunks()});
    begin_grace();
    if (version_ > 0) {
        if (uniform()) freeze_and_report(now);
        else report_orphans(now);
    }
    pump(now);
    for (const uint32_t c : base_list_[self()]) try_fold(c, now);  // alone, there is nobody to wait for
    settle();
}

void Op::send_all(const wire::Message& message) {
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (r != self() && alive(r)) host_.send({r}, message);
    }
}

uint32_t Op::source_of(uint32_t chunk) const {
    return gathers() ? layout_.owner({chunk}).value : config_.descriptor.source;
}

bool Op::contributes(uint32_t rank, uint32_t chunk) const {
    if (copies() && rank != source_of(chunk)) return false;
    return !abstains_[rank];
}

bool Op::all_posted() const {
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (alive(r) && !posted_[r]) return false;
    }
    return true;
}

uint32_t Op::set_index(const std::vector<bool>& set) {
    const auto found = std::find(sets_.begin(), sets_.end(), set);
    if (found != sets_.end()) return static_cast<uint32_t>(found - sets_.begin());
    sets_.push_back(set);
    return static_cast<uint32_t>(sets_.size() - 1);
}

void Op::adopt(uint32_t c, Rank from, const std::vector<uint8_t>& contributors,
               std::optional<ByteSpan> bytes) {
    Chunk& chunk = chunks_[c];
    WHIM_ASSERT(chunk.state == ChunkState::open && !ended_);
    if (bytes) write_output(c, *bytes);
    chunk.state = ChunkState::has;
    encoded_.erase(c);
    partials_.erase(c);
    chunk.from = from.value;
    chunk.set = set_index(from_bitmap(contributors, birth_count_));
    --open_count_;
    --open_by_root_[chunk.root];
    if (mode_ == Mode::member) note_progress({chunk.root}, true);
}

void Op::on_message(Rank from, const wire::Message& message, Instant now) {
    now_ = now;
    if (mode_ == Mode::abandoned) return;
    heard(from, now);
    dispatch(from, message, now);
    settle();
}

namespace {

// The version a message was sent under, for those that must wait for it; 0 for the others.
struct VersionOf {
    uint32_t operator()(const wire::OpGrant& m) const { return m.version; }
    uint32_t operator()(const wire::OpStatus& m) const { return m.version; }
    uint32_t operator()(const wire::OpFetch& m) const { return m.version; }
    uint32_t operator()(const wire::OpListen& m) const { return m.version; }
    uint32_t operator()(const wire::OpStable& m) const { return m.version; }
    uint32_t operator()(const wire::OpReport& m) const { return m.version; }
    uint32_t operator()(const wire::OpDecide& m) const { return m.version; }
    template <class T> uint32_t operator()(const T&) const { return 0; }
};

// Grants, acknowledgements and the like speak of one attempt's chunks.
struct AttemptOf {
    uint32_t operator()(const wire::OpGrant& m) const { return m.attempt; }
    uint32_t operator()(const wire::OpStatus& m) const { return m.attempt; }
    uint32_t operator()(const wire::OpFetch& m) const { return m.attempt; }
    uint32_t operator()(const wire::OpAck& m) const { return m.attempt; }
    uint32_t operator()(const wire::OpStable& m) const { return m.attempt; }
    template <class T> std::optional<uint32_t> operator()(const T&) const { return std::nullopt; }
};

}  // namespace

void Op::dispatch(Rank from, const wire::Message& message, Instant now) {
    const uint32_t version = std::visit(VersionOf{}, message);
    const std::optional<uint32_t> attempt =
        std::visit([](const auto& m) -> std::optional<uint32_t> { return AttemptOf{}(m); }, message);
    const bool newer = version > version_ && config_.plant != Plant::newer_frames_do_not_wait;
    // Frozen, a uniform op has not yet moved its orphans: what is said about them waits for the decision.
    const bool premature = frozen_ && (std::holds_alternative<wire::OpStatus>(message) ||
                                       std::holds_alternative<wire::OpFetch>(message));
    if (newer || premature || (attempt && *attempt > attempt_)) {
        if (wait(from, version, attempt.value_or(0))) waiting_.push_back({from, message});
        return;
    }
    if (attempt && *attempt < attempt_) return;
    if (const auto* m = std::get_if<wire::OpPost>(&message)) on_post(from, *m, now);
    else if (const auto* m = std::get_if<wire::OpGrant>(&message)) on_grant(from, *m, now);
    else if (const auto* m = std::get_if<wire::OpStatus>(&message)) on_status(from, *m, now);
    else if (const auto* m = std::get_if<wire::OpFetch>(&message)) on_fetch(from, *m, now);
    else if (const auto* m = std::get_if<wire::OpAck>(&message)) on_ack(from, *m, now);
    else if (const auto* m = std::get_if<wire::OpStable>(&message)) on_stable(*m);
    else if (const auto* m = std::get_if<wire::OpListen>(&message)) on_listen(from, *m, now);
    else if (const auto* m = std::get_if<wire::OpReport>(&message)) on_report(from, *m, now);
    else if (const auto* m = std::get_if<wire::OpDecide>(&message)) {
        if (alive(from.value) && may_decide(from, *m)) on_decide(*m, now);
    } else if (const auto* m = std::get_if<wire::OpFail>(&message)) {
        const std::optional<Code> code = code_from_int(m->code);
        // Whoever was left out decides nothing for the others.
        if (!code || static_cast<int32_t>(*code) >= 0 || !alive(from.value)) return;
        if (*code != Code::E_EXCLUDED) fail_for_all(*code, m->detail, now);
        else if (mode_ == Mode::listener) fail(*code, m->detail, now);  // said to a listener alone
    }
}

void Op::on_post(Rank from, const wire::OpPost& post, Instant now) {
    if (!(post.descriptor == config_.descriptor)) {
        if (!alive(from.value) || completed()) {
            host_.send(from, wire::OpFail{config_.id, static_cast<int32_t>(Code::E_MISMATCH),
                                          "the op was run by the others with another descriptor: " +
                                              describe(config_.descriptor)});
            return;
        }
        fail_for_all(Code::E_MISMATCH,
                     "op " + to_string(config_.id) + ": " + host_.name(from) + " called it with " +
                         describe(post.descriptor) + ", " + host_.name(config_.self) + " with " +
                         describe(config_.descriptor),
                     now);
        return;
    }
    if (!posted_[from.value] && alive(from.value) && !ended_ && !ending_) called(from, now);
    posted_[from.value] = true;
    abstains_[from.value] = post.abstains;
    window_of_[from.value] = std::max(1u, post.window_chunks);
    begin_grace();
    if (routed()) {
        posted_routed(from, now);
        return pump(now);
    }
    if (granted_count_ > 0) grant(from.value);
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        if (chunks_[c].root != self()) continue;
        if (chunks_[c].state == ChunkState::open) try_fold(c, now);
        else if (alive(from.value) && !orphan(c)) publish(c);  // of orphans it reports first
    }
    pump(now);
}

// Whether a frame of a newer version or attempt may wait here. Versions and attempts count members that are
// gone, and of one sender no more waits than a correct one has to say.
bool Op::wait(Rank from, uint32_t version, uint32_t attempt) {
    ++card_.frames_waited;
    const uint64_t most = uint64_t{limits::kWaitingPerMember} * birth_count_ + 4 * chunks_.size();
    if (version <= birth_count_ && attempt <= birth_count_ && waiting_of_[from.value]++ < most) return true;
    host_.violated(from, "frames of op " + to_string(config_.id) + " from no view there can be, or too many");
    return false;
}

void Op::replay_waiting(Instant now) {
    std::vector<Waiting> waited = std::move(waiting_);
    waiting_.clear();
    waiting_of_.assign(birth_count_, 0);
    for (Waiting& w : waited) {
        if (auto* message = std::get_if<wire::Message>(&w.what)) dispatch(w.from, *message, now);
        else on_chunk(w.from, std::move(std::get<Arrival>(w.what)), now);
    }
}

void Op::install(const std::vector<bool>& alive, const std::vector<bool>& evicted, Instant now) {
    now_ = now;
    evicted_ = evicted;
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (evicted[r]) drop_listener(r);
    }
    const uint32_t version = static_cast<uint32_t>(std::count(alive.begin(), alive.end(), false));
    if (version <= version_) {
        settle();
        return;
    }
    bool root_gone = false;
    bool contributor_gone = false;
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (!alive_[r] || alive[r]) continue;
        const bool rooted_open = open_by_root_[r] > 0;
        if (rooted_open && !root_gone) root_gone = evicted[r];
        else if (!abstains_[r]) contributor_gone |= evicted[r];
        if (rooted_open && !evicted[r]) card_.living_root_excluded = true;
        if (delivered_[r]) ++card_.partial_from_gone;
    }
    card_.root_and_contributor_gone |= root_gone && contributor_gone;
    ++card_.shrinks;
    std::vector<bool> news(birth_count_);
    for (uint32_t r = 0; r < birth_count_; ++r) news[r] = alive_[r] && !alive[r];
    alive_ = alive;
    version_ = version;
    view_changed(now);
    reports_.clear();
    if (routed()) fall();
    if (mode_ == Mode::abandoned) {
        if (news[self()]) want_nothing();
        settle();
        return;
    }
    const auto keep_for_news = [&] {
        for (uint32_t r = 0; r < birth_count_; ++r) {
            if (!news[r] || evicted[r]) continue;
            behind_[r] = true;
            keep_for(r);
        }
    };
    keep_for_news();  // before what only they lack is stable
    if (!alive_[self()]) become_listener(now);
    else if (uniform() && config_.plant != Plant::no_freeze) freeze_and_report(now);
    else reroot(now);
    keep_for_news();  // of the chunks that have moved here too
    replay_waiting(now);
    settle();
}

void Op::refresh_card() {
    card_.chunks = chunk_count();
    card_.sets.clear();
    std::map<uint32_t, uint32_t> renumbered;  // sets of void attempts are not reported
    card_.chunk_set.assign(chunks_.size(), UINT32_MAX);
    card_.chunks_final = 0;
    // Without a result, what counts is whether the output still holds what was there before. That of a
    // uniform op does: it was staged, or is not the input.
    const bool ended_well = end_code_ == Code::OK;
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        const bool written = ended_well ? chunks_[c].state != ChunkState::open && chunks_[c].set != UINT32_MAX
                                        : !uniform() && chunks_[c].set != UINT32_MAX;
        if (!written) continue;
        const auto [known, fresh] =
            renumbered.try_emplace(chunks_[c].set, static_cast<uint32_t>(card_.sets.size()));
        if (fresh) card_.sets.push_back(sets_[chunks_[c].set]);
        card_.chunk_set[c] = known->second;
        ++card_.chunks_final;
    }
}

std::string Op::waiting_for() const {
    if (ended_) return "";
    const std::string what = "op " + to_string(config_.id) + " waits for ";
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (alive(r) && !posted_[r]) return what + host_.name({r}) + " to call it";
    }
    if (routed()) return waiting_routed();
    if (frozen_) return what + "the members' reports after a loss (leader " + host_.name({leader()}) + ")";
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        if (chunks_[c].state != ChunkState::open) continue;
        if (chunks_[c].root != self())
            return what + "chunk " + std::to_string(c) + " from " + host_.name({chunks_[c].root});
        const auto found = rooted_.find(c);
        for (uint32_t r = 0; r < birth_count_; ++r) {
            const bool missing = found == rooted_.end() || (r != self() && !found->second.given[r].present);
            if (alive(r) && contributes(r, c) && missing)
                return what + "the contribution of " + host_.name({r}) + " to chunk " + std::to_string(c);
        }
    }
    if (ending_ || !pins_.empty() || jobs_ > 0) return what + "its last bytes to leave";
    return what + "others to take over results it may not keep";
}

}  // namespace whim::op
