// Membership and rounds of the scripted application; its ops are in app_ops.cpp.
#include "tests/sim/app.h"

#include <algorithm>

namespace whim::sim {

AppState AppState::initial(uint64_t seed) {
    AppState state;
    for (size_t i = 0; i < state.words.size(); ++i) state.words[i] = mix64(seed ^ (i + 0x5717e));
    return state;
}

Digest AppState::digest() const {
    Digest digest;
    const uint64_t halves[2] = {hash_bytes(bytes(), 1), hash_bytes(bytes(), 2)};
    for (size_t i = 0; i < digest.bytes.size(); ++i)
        digest.bytes[i] = static_cast<uint8_t>(halves[i / 8] >> (8 * (i % 8)));
    return digest;
}

App::App(AppContext context, Engine& engine, uint64_t boot, AppDisk& disk)
    : c_(context), engine_(engine), boot_(boot), disk_(disk), next_app_(1) {
    if (Policy::drawn(c_.world.seed(), c_.plan.style)) policy_.emplace(c_.world.seed());
}

App::~App() = default;

AppOp App::issue(What what, uint64_t tag, Round round) {
    const AppOp app{next_app_++};
    pending_[app] = {what, tag, round};
    return app;
}

void App::later(Duration delay, std::function<void(Instant)> what) {
    c_.host.step_after(delay, [this, term = term_, what = std::move(what)](Process&, Instant now) {
        if (term == term_) what(now);
    });
}

void App::start(Instant now) { join(now); }

void App::join(Instant now) {
    phase_ = Phase::joining;
    member_ = {};
    engine_.join(issue(What::join, 0, {}), now);
}

void App::joined(const AppDone& done, Instant now) {
    if (phase_ != Phase::joining) return;
    if (done.code != Code::OK) {
        c_.world.trace(c_.host.id(), "join ended with {}: {}", code_name(done.code), done.detail);
        return later(milliseconds(500), [this](Instant then) { join(then); });
    }
    member_ = engine_.self();
    resume(now);
}

void App::resume(Instant now) {
    phase_ = Phase::beginning;
    if (!disk_.next) return begin(now);
    engine_.record(issue(What::record, 0, disk_.next->round), disk_.next->round, now);
}

void App::recorded(const AppDone& done, Instant now) {
    if (phase_ != Phase::beginning) return;
    if (const auto* record = std::get_if<wire::RoundRecord>(&done.info); record && disk_.next) {
        if (record->digest == disk_.next->state.digest() && record->round == disk_.next->round) {
            disk_.round = disk_.next->round;
            disk_.state = disk_.next->state;
        }
        disk_.next.reset();
    }
    begin(now);
}

void App::begin(Instant now) {
    phase_ = Phase::beginning;
    begin_pending_ = true;
    engine_.round_begin(issue(What::begin, 0, {}), disk_.round, now);
}

void App::began(const AppDone& done, Instant now) {
    begin_pending_ = false;
    if (phase_ != Phase::beginning && phase_ != Phase::committing) return;
    if (done.code != Code::OK) {
        c_.world.trace(c_.host.id(), "round_begin ended with {}: {}", code_name(done.code), done.detail);
        if (phase_ == Phase::beginning && done.code != Code::E_EVICTED && done.code != Code::E_LEFT) {
            later(milliseconds(50), [this](Instant then) { resume(then); });
        }
        return;
    }
    c_.control.began(member_, std::get<RoundInfo>(done.info));
    if (phase_ == Phase::committing) next_round_ = done;
    else {
        info_ = std::get<RoundInfo>(done.info);
        enter_round(now);
    }
}

void App::enter_round(Instant now) {
    phase_ = Phase::running;
    poisoned_ = false;
    results_.clear();
    state_ = disk_.state;
    c_.world.trace(c_.host.id(), "app enters round {} as rank {} of {}{}", info_.round.value, info_.rank,
                   info_.participants.size(), info_.heal_self ? ", to be healed" : "");
    if (info_.heal_self) {
        state_.words.fill(boot_);
        disk_.next.reset();
        c_.ops.healed(member_);
        c_.coverage.hit(Mark::healed);
    } else if (disk_.round != info_.committed) {
        c_.world.violate(fmt::format(
            "{} enters round {} with the state of round {} and is not healed; round {} is committed",
            short_name(member_), info_.round.value, disk_.round.value, info_.committed.value));
    }
    std::vector<OpScript> ops = ops_of_round(c_.world.seed(), c_.plan.style, info_.round,
                                             static_cast<uint32_t>(info_.participants.size()));
    std::erase_if(ops, [&](const OpScript& op) {
        return op.gossip.partner && !op.partner_of(info_.rank, info_.participants.size());
    });
    if (policy_) {
        if (policy_->enter(info_)) c_.coverage.hit(Mark::policy_after_abort);
        ops.push_back(policy_->gradient());
        if (policy_->choice() < info_.participants.size()) c_.coverage.hit(Mark::policy_waits_for_few);
    }
    if (info_.healing_any) {
        if (info_.donor_rank >= info_.participants.size())
            return c_.world.violate("a round heals and names no donor in it");
        OpScript heal;
        heal.tag = kHealTag;
        heal.dtype = Dtype::u64;
        heal.reduce = Reduce::copy;
        heal.elements = state_.words.size();
        ops.push_back(heal);
    }
    Prng order(mix64(c_.world.seed() ^ boot_ ^ mix64(info_.round.value)));
    for (size_t i = ops.size(); i > 1; --i) std::swap(ops[i - 1], ops[order.below(i)]);
    unposted_ = static_cast<uint32_t>(ops.size());
    if (policy_) unposted_ += 1;  // the lists, when the op that they are about has ended
    for (const OpScript& op : ops) take_up(op, now);
    if (ops.empty()) finish_round(now);  // nothing to wait for
}

void App::finish_round(Instant now) {
    for (const auto& [tag, result] : results_) {
        if (tag == kHealTag || result == 0) continue;
        for (uint64_t& word : state_.words) word = mix64(word ^ mix64(result ^ tag));
    }
    if (poisoned_) state_.words[0] ^= mix64(boot_);
    disk_.next = AppDisk::Provisional{info_.round, state_};
    wire::Vote vote;
    vote.digest = state_.digest();
    vote.samples = info_.round.value;
    vote.bytes.assign(7, static_cast<uint8_t>(boot_));
    phase_ = Phase::committing;
    engine_.round_commit(issue(What::commit, 0, info_.round), info_.round, std::move(vote), now);
    if (!pipelines(c_.world.seed(), c_.plan.style, info_.round, member_) || phase_ != Phase::committing)
        return;
    begin_pending_ = true;
    engine_.round_begin(issue(What::begin, 0, {}), disk_.round, now);
}

void App::committed(const AppDone& done, Instant now) {
    const auto* info = std::get_if<CommitInfo>(&done.info);
    c_.world.trace(c_.host.id(), "commit ended with {} {}", code_name(done.code), done.detail);
    if (info) {
        c_.control.ended(member_, done.code, info->outcome);
        if (done.code == Code::OK) c_.ops.outcome(member_, info->outcome);
    }
    if (info) c_.coverage.hit(info->outcome.committed ? Mark::rounds_committed : Mark::rounds_aborted);
    const bool kept = done.code == Code::OK && info && info->outcome.committed;
    if (kept) {
        disk_.round = disk_.next->round;
        disk_.state = disk_.next->state;
        if (c_.world.now() >= c_.plan.calm_at) committed_in_calm_ = true;
    }
    const bool unknown =
        done.code == Code::E_EVICTED || done.code == Code::E_LEFT || done.code == Code::E_STALE_ROUND;
    if (!unknown) disk_.next.reset();
    if (phase_ != Phase::committing || done.code == Code::E_EVICTED || done.code == Code::E_LEFT) return;
    phase_ = Phase::beginning;
    if (c_.world.now() < c_.plan.calm_at && leaves(c_.world.seed(), c_.plan.style, info_.round, member_))
        return leave(now);
    if (next_round_) {
        info_ = std::get<RoundInfo>(next_round_->info);
        next_round_.reset();
        return enter_round(now);
    }
    if (!begin_pending_) train_inner();
}

void App::train_inner() {
    const Duration longest = c_.plan.inner_training;
    const uint64_t share = mix64(boot_ ^ mix64(info_.round.value)) % 1000;
    later(nanoseconds(longest.ns / 2 + longest.ns / 2000 * static_cast<int64_t>(share)),
          [this](Instant then) { resume(then); });
}

void App::leave(Instant now) {
    phase_ = Phase::leaving;
    term_ += 1;
    next_round_.reset();
    engine_.leave(issue(What::leave, 0, {}), "the script says so", now);
}

void App::finish(const std::string& reason, Instant now) {
    leaving_for_good_ = true;
    if (phase_ == Phase::leaving || phase_ == Phase::left) return;
    phase_ = Phase::leaving;
    term_ += 1;
    engine_.leave(issue(What::leave, 0, {}), reason, now);
}

void App::on_done(const AppDone& done, Instant now) {
    const auto found = pending_.find(done.app);
    if (found == pending_.end()) {
        return c_.world.violate(fmt::format("{} got an answer twice, or one it did not ask for",
                                            c_.world.host_name(c_.host.id())));
    }
    const Pending pending = found->second;
    pending_.erase(found);
    switch (pending.what) {
        case What::join: return joined(done, now);
        case What::begin: return began(done, now);
        case What::op: return op_done(pending, done, now);
        case What::commit: return committed(done, now);
        case What::record: return recorded(done, now);
        case What::leave:
            phase_ = Phase::left;
            if (!leaving_for_good_) {
                later(milliseconds(20 + static_cast<int64_t>(mix64(boot_) % 1500)),
                      [this](Instant then) { thrown_out(then); });
            }
            return;
    }
}

void App::on_event(const EngineEvent& event) {
    c_.world.trace(c_.host.id(), "event: {}", event.text);
    if (event.kind == EventKind::diverged) {
        c_.ops.diverged(member_);
        c_.coverage.hit(Mark::diverged);
    }
    if (event.kind != EventKind::evicted || phase_ == Phase::leaving || phase_ == Phase::left) return;
    c_.control.evicted(member_, event.text);
    c_.coverage.hit(Mark::evicted_alive);
    term_ += 1;
    next_round_.reset();
    phase_ = Phase::thrown_out;
    later(milliseconds(1), [this](Instant then) { thrown_out(then); });
}

// Comes back as a new incarnation once everything of the old one has been answered.
void App::thrown_out(Instant now) {
    if (leaving_for_good_) return;
    if (!pending_.empty()) return later(milliseconds(5), [this](Instant then) { thrown_out(then); });
    unposted_ = 0;
    join(now);
}

std::string App::waiting_for() const {
    std::string text;
    constexpr const char* kNames[] = {"idle",       "joining",    "beginning", "running",
                                      "committing", "thrown out", "leaving",   "left"};
    text = kNames[static_cast<int>(phase_)];
    if (unposted_ > 0) text += fmt::format(", {} ops to post", unposted_);
    for (const auto& [app, pending] : pending_) {
        constexpr const char* kWhat[] = {"join", "leave", "round_begin", "op", "round_commit", "record"};
        text += fmt::format("; {}", kWhat[static_cast<int>(pending.what)]);
        if (pending.what == What::op) text += fmt::format(" r{}/t{}", pending.round.value, pending.tag);
        text += fmt::format(" waits: {}", engine_.waiting_for(app));
    }
    return text;
}

}  // namespace whim::sim
