// The control plane's side of the engine: joining, rounds, commits, views, eviction.
#include <algorithm>

#include "engine/impl.h"

namespace whim {

void Engine::Impl::join(AppOp app, Instant now) {
    Step step(*this, now);
    if (join_app_) return done(app, Code::E_WRONG_STATE, "a join is already under way");
    if (member_.admitted()) return done(app, Code::OK, "already a member");
    join_app_ = app;
    out_of_it_.reset();
    open_coordinators();
    group::MemberOutbox out;
    member_.join(now, out);
    run_member(out);
}

void Engine::Impl::leave(AppOp app, const std::string& reason, Instant now) {
    Step step(*this, now);
    if (!member_.admitted()) return done(app, Code::E_WRONG_STATE, "not a member; nothing to leave");
    if (leave_app_) return done(app, Code::E_WRONG_STATE, "leaving already");
    leave_app_ = app;
    group::MemberOutbox out;
    member_.leave(reason, now, out);
    run_member(out);
}

void Engine::Impl::round_begin(AppOp app, Round state_round, Instant now) {
    Step step(*this, now);
    if (unclaimed_round_) {
        done(app, Code::OK, "", *unclaimed_round_);
        unclaimed_round_.reset();
        return;
    }
    if (out_of_it_) return done(app, out_of_it_->code, out_of_it_->detail);
    if (round_app_) return done(app, Code::E_WRONG_STATE, "a round_begin is already pending");
    if (member_.begins_round()) {  // one that was cancelled: its request stands
        round_app_ = app;
        return;
    }
    group::MemberOutbox out;
    const Status status = member_.round_begin(state_round, now, out);
    if (!status.ok()) return done(app, status.error().code, status.error().detail);
    round_app_ = app;
    run_member(out);
}

void Engine::Impl::round_commit(AppOp app, Round round, wire::Vote vote, Instant now) {
    Step step(*this, now);
    if (out_of_it_) return done(app, out_of_it_->code, out_of_it_->detail);
    if (commit_apps_.contains(round))
        return done(app, Code::E_WRONG_STATE,
                    "round " + std::to_string(round.value) + " has a commit pending");
    for (const auto& [id, summary] : summaries_) {
        if (id.round == round && vote.ops.size() < limits::kOpsOpenMax) vote.ops.push_back(summary);
    }
    group::MemberOutbox out;
    const Status status = member_.round_commit(round, std::move(vote), diverged_.has_value(), now, out);
    if (!status.ok()) return done(app, status.error().code, status.error().detail);
    commit_apps_[round] = app;
    run_member(out);
}

void Engine::Impl::record(AppOp app, Round round, Instant now) {
    Step step(*this, now);
    const uint64_t nonce = next_nonce_++;
    record_apps_[nonce] = app;
    group::MemberOutbox out;
    member_.record(nonce, round, now, out);
    run_member(out);
}

void Engine::Impl::run_member(const group::MemberOutbox& out) {
    for (const group::MemberEffect& effect : out) {
        if (const auto* send = std::get_if<group::SendToCoordinator>(&effect)) {
            outgoing_.push_back({coordinator_key(send->coordinator), wire::encode(send->message)});
        } else if (const auto* install = std::get_if<group::InstallView>(&effect)) {
            install_view(install->view);
        } else if (const auto* joined = std::get_if<group::JoinEnded>(&effect)) {
            const std::optional<AppOp> app = join_app_;
            join_app_.reset();
            if (joined->status.ok()) event(EventKind::joined, self(), "admitted as " + short_name(self()));
            if (app && joined->status.ok()) done(*app, Code::OK, "");
            else if (app) done(*app, joined->status.error().code, joined->status.error().detail);
        } else if (const auto* began = std::get_if<group::RoundBegan>(&effect)) {
            round_began(began->start);
        } else if (const auto* refused = std::get_if<group::RoundRefused>(&effect)) {
            if (round_app_) done(*round_app_, refused->error.code, refused->error.detail);
            round_app_.reset();
        } else if (const auto* ended = std::get_if<group::RoundEnded>(&effect)) {
            const auto app = commit_apps_.find(ended->outcome.round);
            if (app != commit_apps_.end()) {
                const Code code = ended->mine.ok() ? Code::OK : ended->mine.error().code;
                if (ended->mine.ok() && ended->outcome.committed)
                    diverged_.reset();  // the run took this state
                const std::string detail = ended->mine.ok() ? "" : ended->mine.error().detail;
                if (ended->known) done(app->second, code, detail, CommitInfo{ended->outcome});
                else done(app->second, code, detail);
                commit_apps_.erase(app);
            }
        } else if (const auto* found = std::get_if<group::RecordFound>(&effect)) {
            const auto app = record_apps_.find(found->nonce);
            if (app == record_apps_.end()) continue;
            if (found->record) done(app->second, Code::OK, "", *found->record);
            else done(app->second, Code::E_INVALID, "the coordinator has no record of that round");
            record_apps_.erase(app);
        } else if (const auto* out_of_it = std::get_if<group::Evicted>(&effect)) {
            evicted(out_of_it->error);
        } else if (const auto* changed = std::get_if<group::CoordinatorChanged>(&effect)) {
            coordinator_connected_ = changed->connected;
            event(changed->connected ? EventKind::coordinator_back : EventKind::coordinator_lost, {},
                  changed->detail);
            note_paused();
        } else if (const auto* unreached = std::get_if<group::NotReached>(&effect)) {
            event(EventKind::not_reached, self(), unreached->text);
        } else if (const auto* waiting = std::get_if<group::Waiting>(&effect)) {
            waiting_text_ = waiting->text;
            if (!waiting->text.empty()) event(EventKind::waiting, {}, waiting->text);
        }
    }
}

void Engine::Impl::install_view(const wire::View& view) {
    const MemberId me = self();
    circuits_.set_self(me);
    const auto in_view = [&](const MemberId& id) {
        return std::any_of(view.members.begin(), view.members.end(),
                           [&](const wire::MemberInfo& m) { return m.id == id; });
    };
    // As this peer says, or as the coordinator found.
    const bool outbound_only =
        std::any_of(view.members.begin(), view.members.end(),
                    [&](const wire::MemberInfo& m) { return m.id == me && m.outbound_only; });
    for (const LinkKey& key : endpoint_.links()) {
        if (!coordinator_index(key) && !in_view(key)) close_link(key);
    }
    std::erase_if(had_session_, [&](const LinkKey& key) { return !in_view(key); });
    for (const wire::MemberInfo& info : view.members) {
        if (info.id == me || endpoint_.has_link(info.id)) continue;
        LinkOptions options;
        // Who cannot be dialled dials. Two of them meet through a third member, unless an address that the
        // coordinator could not reach works between them; nobody probes it.
        const bool alike = info.outbound_only == outbound_only;
        options.dial = alike ? me.peer < info.id.peer : outbound_only;
        if (!info.outbound_only || options.dial) options.addresses = info.addresses;
        options.detours = true;
        options.tune_strands = config_.bulk_strands == 0;
        options.bulk_strands = options.tune_strands ? limits::kStrandsPerLinkMax - 1 : config_.bulk_strands;
        options.expected = info.id.peer;
        options.local_instance = me.incarnation;
        endpoint_.open_link(info.id, std::move(options), now_);
    }
    for (const wire::Removal& removal : view.removed) {
        const bool seen = std::any_of(removed_seen_.begin(), removed_seen_.end(),
                                      [&](const wire::Removal& r) { return r.member == removal.member; });
        if (seen) continue;
        removed_seen_.push_back(removal);
        event(EventKind::view_changed, removal.member,
              op_name(removal.member) + (removal.left ? " left: " : " was evicted: ") + removal.reason);
    }
    while (removed_seen_.size() > limits::kRemovedKeptMax) removed_seen_.erase(removed_seen_.begin());
    for (const wire::OpExclusion& exclusion : view.exclusions) {
        excluded_.insert({exclusion.op, exclusion.member});
        const auto finished = finished_.find(exclusion.op);
        const bool completed_alone = exclusion.member == me && finished != finished_.end() &&
                                     finished->second.completed && finished->second.uniform;
        if (completed_alone)
            op_diverged("left out of op " + to_string(exclusion.op) + " after completing it");
    }
    for (auto& [number, record] : records_) {
        if (record->op) install_in(*record);
    }
    note_paused();
}

void Engine::Impl::round_began(const wire::RoundStart& start) {
    std::vector<MemberId> before;
    if (const auto last = births_.find(round_); last != births_.end()) before = last->second;
    births_[start.round] = start.participants;
    line_rates_[start.round] = start.line_rates;
    round_links_[start.round] = links_of(start);
    round_ = start.round;
    forget_old_rounds(start.round);
    RoundInfo info;
    info.round = start.round;
    info.epoch = start.view.epoch;
    info.committed = start.committed;
    info.joined = start.joined;
    info.excluded = start.excluded;
    info.donor = start.donor;
    const MemberId me = self();
    for (uint32_t i = 0; i < start.participants.size(); ++i) {
        const MemberId& id = start.participants[i];
        if (id == me) info.rank = i;
        if (id == start.donor) info.donor_rank = i;
        const auto& members = start.view.members;
        const auto known =
            std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.id == id; });
        if (known != members.end()) info.participants.push_back(*known);
        else
            info.participants.push_back(wire::MemberInfo{
                .id = id, .name = {}, .region = {}, .addresses = {}, .outbound_only = {}});  // gone since
    }
    for (const wire::Removal& removal : start.view.removed) {
        if (std::find(before.begin(), before.end(), removal.member) != before.end())
            info.left.push_back(removal);
    }
    info.healing_any = !start.healing.empty();
    info.heal_self = std::find(start.healing.begin(), start.healing.end(), me) != start.healing.end();
    if (info.heal_self || !info.healing_any) diverged_.reset();
    waiting_text_.clear();
    if (round_app_) done(*round_app_, Code::OK, "", info);
    else unclaimed_round_ = info;
    round_app_.reset();
}

void Engine::Impl::forget_old_rounds(Round newest) {
    if (newest.value <= limits::kRoundsOpsKept) return;
    const Round oldest{newest.value - limits::kRoundsOpsKept};
    std::erase_if(births_, [&](const auto& entry) { return entry.first < oldest; });
    for (auto& [number, record] : records_) {
        if (record->op && record->id.round < oldest)
            record->op->dismiss_listeners();  // they cannot call it now
    }
    std::erase_if(line_rates_, [&](const auto& entry) { return entry.first < oldest; });
    std::erase_if(round_links_, [&](const auto& entry) { return entry.first < oldest; });
    std::erase_if(plans_, [&](const auto& entry) { return std::get<Round>(entry.first) < oldest; });
    std::erase_if(instances_, [&](const auto& entry) { return entry.first.first < oldest; });
    for (const auto& [id, entry] : early_) {
        if (id.round >= oldest) continue;
        for (const auto& [from, item] : entry.items) say_long_over(from, id, item);
    }
    std::erase_if(pair_uses_, [&](const auto& entry) { return entry.first.round < oldest; });
    std::erase_if(early_, [&](const auto& entry) { return entry.first.round < oldest; });
    std::erase_if(finished_, [&](const auto& entry) { return entry.first.round < oldest; });
    std::erase_if(excluded_, [&](const auto& entry) {
        return entry.first.round < oldest && !by_id_.contains(entry.first);
    });
    std::erase_if(summaries_, [&](const auto& entry) { return entry.first.round < oldest; });
}

// This incarnation is over. Everything it started ends with the reason; join() may begin a new one.
void Engine::Impl::evicted(const Error& error) {
    event(EventKind::evicted, self(), error.detail);
    for (const LinkKey& key : endpoint_.links()) {
        if (!coordinator_index(key)) close_link(key);
    }
    if (leave_app_) done(*leave_app_, Code::OK, "");
    leave_app_.reset();
    end_everything(error);
}

void Engine::Impl::end_everything(const Error& error) {
    out_of_it_ = error;
    if (round_app_) done(*round_app_, error.code, error.detail);
    round_app_.reset();
    for (const auto& [round, app] : commit_apps_) done(app, error.code, error.detail);
    commit_apps_.clear();
    unclaimed_round_.reset();
    diverged_.reset();
    for (auto& [number, record] : records_) {
        if (record->op) record->op->abandon(error.code, error.detail, now_);
        else if (!record->answered) record->end_after_scan = error;
    }
    had_session_.clear();
    births_.clear();
    line_rates_.clear();
    round_links_.clear();
    plans_.clear();
    early_.clear();
    instances_.clear();
    pair_uses_.clear();
    finished_.clear();
    summaries_.clear();
    excluded_.clear();
    round_ = {};
}

}  // namespace whim
