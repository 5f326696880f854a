// The table of ops: beginning them, what the pure ops want done, answering for ops that are over.
#include <algorithm>
#include <new>

#include "base/assert.h"
#include "collectives/op/bitmap.h"
#include "engine/impl.h"

namespace whim {

// By birth rank: who is still of the op, and who is out of the view altogether.
std::pair<std::vector<bool>, std::vector<bool>> Engine::Impl::members_of(const OpRecord& record) const {
    const std::vector<wire::MemberInfo>& members = member_.view().members;
    std::vector<bool> alive(record.birth.size());
    std::vector<bool> evicted(record.birth.size());
    for (size_t i = 0; i < record.birth.size(); ++i) {
        const MemberId& id = record.birth[i];
        evicted[i] = std::none_of(members.begin(), members.end(), [&](const auto& m) { return m.id == id; });
        alive[i] = !evicted[i] && !excluded_.contains({record.id, id});
        if (record.op) alive[i] = alive[i] && record.op->alive_ranks()[i];  // members only ever go
    }
    return {std::move(alive), std::move(evicted)};
}

void Engine::Impl::start_op(OpRecord& record, bool abstains) {
    auto [alive, evicted] = members_of(record);
    const std::optional<Rank> rank = record.rank_of(self());
    if (!rank || evicted[rank->value])
        return op_ended(record, Code::E_EVICTED, "this peer is no longer a member of the round");
    const bool left_out = !alive[rank->value];
    alive[rank->value] = true;  // an op begins as a member; being left out is then installed
    if (record.gossips()) {
        record.op = make_gossip(record, std::move(alive), *rank, abstains);
        record.op->start(now_);
        return hand_over_early(record);
    }
    op::OpConfig config;
    config.id = record.id;
    config.descriptor = record.descriptor;
    config.self = *rank;
    config.alive = alive;
    config.coding = record.coding;
    config.reducer = record.options.reducer;
    config.plan = record.trees;
    config.in = record.in;
    config.out = record.out;
    config.weight = record.options.weight;
    config.abstains = abstains;
    config.grace = record.options.grace;
    if (record.options.grace_learnt) {
        const op::ArrivalHistory& history =
            graces_.of(record.id.tag, record.birth, record.descriptor.elements);
        const uint32_t others = std::max(record.descriptor.min_contributors, 2u) - 1;
        config.grace = history.grace(others);
        config.patience = std::max(config.grace, limits::kGraceUnlearnt);
        for (uint32_t r = 0; r < record.birth.size(); ++r)
            config.stragglers.push_back(history.straggles({r}));
    }
    config.window_bytes = window_for(record);
    config.eager_bytes = eager_for(record);
    config.plant = config_.plant;
    try {
        record.op = std::make_unique<op::Op>(std::move(config), record, pool_);
    } catch (const std::bad_alloc&) {
        const std::string why = "no memory for the staging copy of an in-place op of " +
                                std::to_string(record.out.size()) + " bytes; give it an output of its own";
        if (record.birth.size() > 1) op_request_exclusion(record, {self()}, 1, why);
        return op_ended(record, Code::E_NO_MEMORY, why);
    }
    if (left_out) install_in(record);
    else record.op->start(now_);
    hand_over_early(record);
}

// What came before the op was posted.
void Engine::Impl::hand_over_early(OpRecord& record) {
    Early waited;
    if (const auto found = early_.find(record.id); found != early_.end()) {
        waited = std::move(found->second);
        early_.erase(found);
    }
    for (auto& [from, item] : waited.items) {
        const std::optional<Rank> sender = record.rank_of(from);
        if (!sender) continue;
        if (auto* message = std::get_if<wire::Message>(&item)) record.op->on_message(*sender, *message, now_);
        else record.op->on_chunk(*sender, std::move(std::get<op::Arrival>(item)), now_);
    }
    record.op->poke();
}

void Engine::Impl::install_in(OpRecord& record) {
    const auto [alive, evicted] = members_of(record);
    const std::optional<Rank> rank = record.rank_of(self());
    if (rank && evicted[rank->value]) return;  // Evicted follows and ends everything
    record.op->install(alive, evicted, now_);
}

void Engine::Impl::job_done(uint64_t job_id, Instant now) {
    Step step(*this, now);
    if (const auto scan = scans_.find(job_id); scan != scans_.end()) {
        const Scanning found = scan->second;
        scans_.erase(scan);
        return finish_scan(job_id, found);
    }
    const auto found = job_record_.find(job_id);
    WHIM_ASSERT(found != job_record_.end());
    OpRecord& record = *records_.at(found->second);
    job_record_.erase(found);
    record.op->job_done(job_id, now);
}

void Engine::Impl::cancel(AppOp app, Instant now) {
    Step step(*this, now);
    if (round_app_ == app) {
        round_app_.reset();  // the round may still begin; the next round_begin then returns it
        return done(app, Code::E_CANCELLED, "cancelled; the next round_begin takes up the same request");
    }
    OpRecord* record = record_of(app);
    if (record == nullptr || record->answered || record->end_after_scan) return;
    const bool late = record->give_up && *record->give_up <= now;
    record->give_up.reset();
    const std::string why =
        late ? "the budget of " + std::to_string(record->options.budget.ms()) + " ms is over"
             : "cancelled by this peer";
    // Of gossip only the neighbours need to know, and its op tells them.
    if (record->birth.size() > 1 && !record->gossips()) op_request_exclusion(*record, {self()}, 1, why);
    if (record->op) record->op->abandon(Code::E_CANCELLED, why, now);
    else record->end_after_scan = fail(Code::E_CANCELLED, why);
}

void Engine::Impl::op_send(const MemberId& to, wire::Message message) {
    outgoing_.push_back({to, wire::encode(message)});
}

void Engine::Impl::op_submit(uint64_t record, op::Job job) {
    job_record_[job.id] = record;
    emit(std::move(job));
}

bool Engine::Impl::op_reserve_retained(uint64_t bytes) {
    if (retained_bytes_ + bytes > config_.retain_bytes_max) return false;
    retained_bytes_ += bytes;
    return true;
}

void Engine::Impl::op_dismiss_listeners() {
    for (auto& [number, record] : records_) {
        if (record->op && record->op->ended()) record->op->dismiss_listeners();
    }
}

void Engine::Impl::op_release_retained(uint64_t bytes) {
    WHIM_ASSERT(bytes <= retained_bytes_);
    retained_bytes_ -= bytes;
    retention_freed_ |= bytes > 0;
}

void Engine::Impl::op_ended(OpRecord& record, Code code, const std::string& detail) {
    if (record.answered) return;
    record.answered = true;
    ++(code == Code::OK ? totals_.ops_completed : totals_.ops_failed);
    if (code == Code::OK && record.op && record.options.grace_learnt) learn_from(record);
    op_withdraw_exclusions(record);  // it ended though others were slow
    const OpInfo info = info_of(record);
    // What a part holds is its owner's affair, and so is what gossip came to: there is nothing to compare.
    const bool own = record.gossips() || record.descriptor.collective == Collective::reduce_scatter;
    if (code == Code::OK && record.op && !own) {
        std::vector<bool> any(record.birth.size(), false);
        for (const std::vector<bool>& set : record.op->card().sets) {
            for (size_t i = 0; i < any.size(); ++i) any[i] = any[i] || set[i];
        }
        summaries_[record.id] = {record.id, record.descriptor.elements, op::to_bitmap(any),
                                 info.contributors.size() == 1};
    }
    const bool noted = code == Code::OK && (!record.note.empty() || !record.gossips());
    done(record.app, code, noted ? record.note : detail, info);
}

// This peer's own contribution is there at once, so it says nothing.
void Engine::Impl::learn_from(const OpRecord& record) {
    const op::OpReportCard& card = record.op->card();
    if (!card.own_chunks_closed) return;
    std::vector<bool> expected = record.op->alive_ranks();
    expected[record.op->rank().value] = false;
    graces_.of(record.id.tag, record.birth, record.descriptor.elements)
        .learn(card.contributed, expected, *card.own_chunks_closed);
}

void Engine::Impl::op_request_exclusion(const OpRecord& record, const std::vector<MemberId>& members,
                                        uint32_t needed, const std::string& reason) {
    wire::OpExcludeRequest request;
    request.op = record.id;
    request.members = members;
    request.birth_count = static_cast<uint32_t>(record.birth.size());
    request.min_contributors = needed;
    request.reason = reason;
    group::MemberOutbox out;
    member_.exclude(std::move(request), now_, out);
    run_member(out);
}

void Engine::Impl::op_withdraw_exclusions(const OpRecord& record) {
    group::MemberOutbox out;
    member_.withdraw(record.id, now_, out);
    run_member(out);
}

void Engine::Impl::op_diverged(const std::string& reason) {
    if (!diverged_) event(EventKind::diverged, self(), reason);
    diverged_ = reason;
}

void Engine::Impl::op_violated(const MemberId& from, const std::string& what) {
    violations_.try_emplace(from, what);
}

std::string Engine::Impl::op_name(const MemberId& member) {
    for (const wire::MemberInfo& info : member_.view().members) {
        if (info.id == member && !info.name.empty()) return info.name + " (" + short_name(member) + ")";
    }
    return short_name(member);
}

// An op whose record is gone was either stable everywhere or failed everywhere; whoever asks learns which.
void Engine::Impl::answer_for_finished(const MemberId& from, const OpId& id, const Finished& finished,
                                       const wire::Message& message) {
    if (!finished.gossip.empty()) return answer_for_gossip(from, id, finished.gossip, message);
    const bool listens = std::holds_alternative<wire::OpListen>(message);
    if (listens)
        return op_send(from,
                       wire::OpFail{id, static_cast<int32_t>(Code::E_EXCLUDED),
                                    "left out of op " + to_string(id) + "; its results are no longer kept"});
    // What is kept here for those that were left out may go.
    const auto* stable = std::get_if<wire::OpStable>(&message);
    if (stable && excluded_.contains({id, self()}))
        return op_send(from, wire::OpAck{id, stable->attempt, {{0, limits::kChunksPerOpMax}}});
    if (!finished.completed) return;
    if (const auto* status = std::get_if<wire::OpStatus>(&message)) {
        op_send(from, wire::OpStable{id, status->attempt, status->version, {{0, limits::kChunksPerOpMax}}});
    } else if (const auto* report = std::get_if<wire::OpReport>(&message)) {
        op_send(from, wire::OpDecide{id, finished.attempt, report->version, true, report->set});
    }
}

void Engine::Impl::reap() {
    for (auto it = records_.begin(); it != records_.end();) {
        OpRecord& record = *it->second;
        const bool over = record.op ? record.answered && record.op->closed() : record.answered;
        const bool scanning = std::any_of(scans_.begin(), scans_.end(),
                                          [&](const auto& s) { return s.second.record == it->first; });
        if (!over || scanning) {
            ++it;
            continue;
        }
        add_card(totals_, record);
        const bool completed = record.op && record.op->known_everywhere();
        if (eager_holder_ && eager_holder_->record == it->first)
            eager_holder_->all_posted = record.op && record.op->all_posted();
        if (births_.contains(record.id.round))
            finished_[record.id] = {completed, record.descriptor.uniform,
                                    record.op ? record.op->attempt() : 0,
                                    record.gossips() ? op::describe(record.descriptor) : std::string()};
        by_id_.erase(record.id);
        it = records_.erase(it);
    }
}

// An op that lost a peer while no coordinator answers waits for one; said once.
void Engine::Impl::note_paused() {
    if (coordinator_connected_) return;
    for (auto& [number, record] : records_) {
        if (!record->op || record->answered || record->paused_said) continue;
        for (const MemberId& member : record->birth) {
            const std::optional<LinkStats> stats = member == self() ? std::nullopt : endpoint_.stats(member);
            if (!stats || stats->up) continue;
            record->paused_said = true;
            ++totals_.ops_paused;
            event(EventKind::op_paused, member,
                  "op " + to_string(record->id) + " is paused: " + op_name(member) +
                      " is not connected and no coordinator answers to decide about it");
            break;
        }
    }
}

OpRecord* Engine::Impl::record_of(AppOp app) {
    return const_cast<OpRecord*>(std::as_const(*this).record_of(app));
}

const OpRecord* Engine::Impl::record_of(AppOp app) const {
    for (const auto& [number, record] : records_) {
        if (record->app == app) return record.get();
    }
    return nullptr;
}

std::string Engine::Impl::waiting_for(AppOp app) const {
    const OpRecord* record = record_of(app);
    if (record == nullptr) {
        const bool asked = leave_app_ == app || std::any_of(record_apps_.begin(), record_apps_.end(),
                                                            [&](const auto& r) { return r.second == app; });
        if (asked)
            return coordinator_connected_ ? "waits for the coordinator's answer" : member_.waiting_for();
        const bool control = round_app_ == app || join_app_ == app ||
                             std::any_of(commit_apps_.begin(), commit_apps_.end(),
                                         [&](const auto& c) { return c.second == app; });
        if (!control) return "";
        const bool said = coordinator_connected_ && !waiting_text_.empty();  // by a coordinator that answers
        return said ? waiting_text_ : member_.waiting_for();
    }
    if (record->answered) return "";
    if (!record->op) return "op " + to_string(record->id) + " scans its input";
    const std::string text = record->op->waiting_for();
    return coordinator_connected_ ? text : text + "; no coordinator answers";
}

OpInfo Engine::Impl::info_of(const OpRecord& record) const {
    OpInfo info;
    info.op = record.id;
    info.descriptor = record.descriptor;
    info.trees = record.trees;
    info.epoch = member_.view().epoch;
    info.birth = record.birth;
    if (const auto rank = record.rank_of(self())) info.rank = rank->value;
    info.posted = record.posted;
    info.ended = now_;
    info.excluded_self = !record.note.empty();
    if (!record.op) return info;
    const op::OpReportCard& card = record.op->card();
    info.excluded_self = info.excluded_self || card.excluded_self;
    info.bytes_sent = card.bytes_sent;
    info.bytes_received = card.bytes_received;
    info.chunks = card.chunks;
    info.chunks_final = card.chunks_final;
    info.chunks_resent = card.chunks_resent;
    info.chunks_refolded = card.chunks_refolded;
    info.chunks_adopted = card.chunks_adopted;
    info.partial_from_gone = card.partial_from_gone;
    const std::vector<bool> alive = record.op->alive_ranks();
    for (size_t i = 0; i < alive.size(); ++i) {
        if (!alive[i]) info.gone.push_back(record.birth[i]);
    }
    for (const std::vector<bool>& set : card.sets) {
        ContributorSet& named = info.contributors.emplace_back();
        for (size_t i = 0; i < set.size(); ++i) {
            if (set[i]) named.members.push_back(record.birth[i]);
        }
    }
    if (card.own_chunks_closed && record.descriptor.reduce != Reduce::copy) {
        for (const std::optional<Instant>& at : card.contributed)
            info.arrivals.push_back(at ? std::optional(*at - record.posted) : std::nullopt);
        if (record.note.empty()) info.arrivals[info.rank] = Duration{};
        info.closed = *card.own_chunks_closed - record.posted;
    }
    if (const op::GossipCard* gossip = record.op->gossip()) info.gossip = gossip_info(record, *gossip);
    const ChunkLayout& layout = record.op->layout();
    const bool scatters = record.descriptor.collective == Collective::reduce_scatter;
    const uint64_t before = scatters ? layout.part(record.op->rank()).begin : 0;  // runs are of the output
    for (uint32_t c = 0; c < card.chunk_set.size(); ++c) {
        if (card.chunk_set[c] == UINT32_MAX) continue;
        ElementRange range = layout.range({c});
        range = {range.begin - before, range.end - before};
        info.contributors[card.chunk_set[c]].elements += range.count();
        const bool joins = !info.runs.empty() && info.runs.back().set == card.chunk_set[c] &&
                           info.runs.back().first + info.runs.back().count == range.begin;
        if (joins) info.runs.back().count += range.count();
        else info.runs.push_back({range.begin, range.count(), card.chunk_set[c]});
    }
    return info;
}

void Engine::Impl::add_card(EngineCounters& c, const OpRecord& record) const {
    if (!record.op) return;
    const op::OpReportCard& card = record.op->card();
    c.shrinks_mid_op += card.shrinks > 0;
    c.double_shrinks += card.shrinks > 1;
    c.root_and_contributor_dead += card.root_and_contributor_gone;
    c.exclusions_of_living_root += card.living_root_excluded;
    c.listener_results += card.listener_results;
    c.listening += card.excluded_self && !record.answered && !record.descriptor.uniform;
    c.chunks_adopted += card.chunks_adopted;
    c.chunks_refolded += card.chunks_refolded;
    c.chunks_resent += card.chunks_resent;
    c.retention_used += card.retained;
    c.retained_served += card.retained_served;
    c.frames_waited += card.frames_waited;
    c.trees_fallen += card.trees_fell;
    c.folded_without_living += card.folded_without_living;
    c.packing_paid += card.packing_paid;
    c.packing_did_not += card.packing_did_not;
}

EngineCounters Engine::Impl::counters() const {
    EngineCounters all = totals_;
    for (const auto& [number, record] : records_) add_card(all, *record);
    const Circuits::Counters& ends = circuits_.counters();
    const Relay::Counters& relay = circuits_.relay_counters();
    all.circuits_opened = ends.opened;
    all.circuits_refused = ends.refused;
    all.circuits_lost = ends.lost;
    all.circuits_carried = relay.carried;
    all.circuits_now = circuits_.ends_now() + circuits_.carried_now();
    all.circuits_overrun = ends.overrun + relay.overrun;
    return all;
}

}  // namespace whim
