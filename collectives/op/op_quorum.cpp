// Not waiting for the slow, where the caller gave a grace. What the root of a chunk can decide alone it does:
// it folds without the living members whose contributions are late, and tells them, so that they send it no
// more. Whoever was late once is waited for no longer than until the others are there. A member whose own
// chunks are late, or that keeps others from completing, is left out of the op, which only the coordinator
// can do; a peer that was passed over by most roots is itself the slow one and blames nobody.
#include <algorithm>

#include "collectives/op/bitmap.h"
#include "collectives/op/op.h"

namespace whim::op {
namespace {

constexpr int64_t kLonger = 3;     // so many times the patience, where somebody may itself have to wait,
constexpr int64_t kCallsLate = 5;  // and who calls late, since the last one called

}  // namespace

// Of copies there is one contribution, and a uniform set cannot lack one in some chunks only.
bool Op::may_go_without() const { return config_.grace.ns > 0 && !uniform() && !copies(); }

// Whether enough have contributed, and the others have had their grace. The default of one contributor means
// most of those there are: each has its own contribution at once. Of weights that are all zero there is no
// average yet: who is late may have one.
bool Op::goes_without_slow(uint32_t c, Rooted& root) {
    if (!may_go_without() || config_.plant == Plant::wait_for_the_slow) return false;
    Arrivals arrivals(birth_count_);
    std::vector<bool> awaited(birth_count_, false);
    uint32_t present = 0, possible = 0;
    bool weighs = config_.descriptor.reduce != Reduce::avg;
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (usable(root, r, c)) {
            arrivals[r] = r == self() ? started_ : root.given[r].at;
            weighs = weighs || (r == self() ? config_.weight : root.given[r].weight) > 0;
            ++present, ++possible;
        } else if (alive(r) && (!posted_[r] || contributes(r, c))) {
            awaited[r] = !behind_[r];
            ++possible;
        }
    }
    uint32_t enough = quorum(possible);
    if (config_.plant == Plant::quorum_below_min && enough > 1) --enough;
    if (present < enough || !weighs) return false;
    const QuorumDecision decision =
        decide_quorum(now_, started_, arrivals, awaited, {enough, config_.grace, {}});
    if (decision.until) grace_ends_.insert({*decision.until, c});
    if (decision.kind != QuorumDecision::Kind::finish) return false;
    for (const Rank late : decision.without) behind_[late.value] = true;
    return true;
}

// Those without whom a chunk was folded need not send it any more. Said once it is folded: should it turn out
// that what another one gave cannot be, theirs may be wanted after all.
void Op::pass_over(uint32_t c, const std::vector<bool>& set) {
    if (!may_go_without()) return;
    bool without_living = false;
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (r == self() || !alive(r) || set[r] || (posted_[r] && !contributes(r, c))) continue;
        without_living = missed_[r] = true;
        card_.contributed[r].reset();
        if (posted_[r]) host_.send({r}, wire::OpGrant{config_.id, attempt_, granted_count_, 0, {{c, 1}}});
    }
    card_.folded_without_living += without_living;
}

// What this peer would have contributed has no use there any more. Should the chunk's root go, another one
// will want it.
void Op::on_passed_over(Rank from, const std::vector<wire::ChunkRange>& chunks) {
    if (!chunks.empty()) passed_over_by_[from.value] = true;
    each_chunk(chunks, chunks_.size(), [&](uint32_t c) {
        if (chunks_[c].root != from.value || chunks_[c].state != ChunkState::open) return;
        chunks_[c].contributed_to = from.value;
        chunks_[c].spared = true;
    });
}

// Once somebody is known to be behind, no other chunk has to wait out its grace for it.
void Op::fold_what_is_due(Instant now) {
    while (!grace_ends_.empty() && grace_ends_.begin()->first <= now) {
        const uint32_t first = grace_ends_.begin()->second;
        grace_ends_.erase(grace_ends_.begin());
        const std::vector<bool> known = behind_;
        try_fold(first, now);
        if (behind_ == known) continue;
        for (const auto& [end, c] : std::exchange(grace_ends_, {})) try_fold(c, now);
    }
}

// Begins to measure how far everybody is: with results of chunks, and in a uniform op, whose results come
// only once all contribute, with contributions to this peer's chunks too.
void Op::expect_progress(Instant now) {
    if (config_.grace.ns <= 0) return;
    std::vector<uint32_t> due = open_by_root_;
    if (uniform() && !copies()) {
        due[self()] = 0;
        for (uint32_t r = 0; r < birth_count_; ++r) {
            if (r != self() && !abstains_[r]) due[r] += open_by_root_[self()];
        }
    }
    results_.begin(now, open_by_root_, config_.patience);
    milestones_.begin(now, std::move(due), config_.patience);
}

// A contribution, or a result. Who has caught up is not far behind any more.
void Op::note_progress(Rank rank, bool result) {
    if (config_.grace.ns <= 0) return;
    milestones_.advance(rank, now_);
    if (result) results_.advance(rank, now_);
    const auto blamed = blamed_.find(rank.value);
    if (blamed == blamed_.end() || blamed->second.blame != Blame::behind || !milestones_.keeps_up(rank))
        return;
    forgive([&](uint32_t r, Blame) { return r == rank.value; });
}

bool Op::is_behind() const {
    uint32_t by = 0, roots = 0;
    for (uint32_t r = 0; r < birth_count_; ++r) {
        by += passed_over_by_[r];
        roots += r != self() && alive(r) && !base_list_[r].empty();
    }
    return by * 2 > roots;
}

std::optional<Instant> Op::deadline() const {
    if (config_.grace.ns <= 0 || ended_ || ending_ || mode_ != Mode::member) return std::nullopt;
    std::optional<Instant> due;
    if (grace_since_) due = *grace_since_ + config_.patience;
    else if (enough_called(1)) due = early_since() + config_.patience * kCallsLate;
    if (!grace_ends_.empty()) due = earlier(due, grace_ends_.begin()->first);
    return earlier(due, earlier(milestones_.next(), results_.next()));
}

void Op::on_deadline(Instant now) {
    const std::optional<Instant> due = deadline();
    if (!due || *due > now) return;
    now_ = now;
    fold_what_is_due(now);
    const std::optional<Instant> judge = earlier(milestones_.next(), results_.next());
    if (judge && *judge <= now) leave_out(far_behind(now), Blame::behind, now);
    if (!grace_since_ && enough_called(1) && early_since() + config_.patience * kCallsLate <= now)
        grace_since_ = now;
    if (grace_since_ && *grace_since_ + config_.patience <= now) {
        const Instant idle_since = *grace_since_;
        grace_since_ = now;
        leave_out_where_room_is_short(now);
        leave_out(laggards(now, idle_since), Blame::silence, now);
    }
    settle();
}

// A member that contributes nothing to a uniform op delivers less than the others however fast it is: it is
// compared by results alone. About itself this peer asks nothing.
std::vector<Rank> Op::far_behind(Instant now) {
    std::vector<bool> expected(birth_count_), all(birth_count_);
    for (uint32_t r = 0; r < birth_count_; ++r) {
        all[r] = alive(r);
        expected[r] = all[r] && !(uniform() && !copies() && abstains_[r]);
    }
    const uint32_t enough = quorum(birth_count_ - version_);
    std::vector<Rank> ranks = milestones_.behind(now, expected, enough, config_.self);
    for (const Rank rank : results_.behind(now, all, enough, config_.self)) {
        if (!expected[rank.value]) ranks.push_back(rank);
    }
    std::erase(ranks, config_.self);
    return ranks;
}

// How many of so many have to be there before the others are late: by default most of them.
uint32_t Op::quorum(uint32_t of) const {
    const uint32_t enough = config_.descriptor.min_contributors;
    return enough > 1 ? enough : of / 2 + 1;
}

// Grace begins once enough members have come to make a result: most of them, where one would do. Whoever
// calls it with fewer there is early, for some graces at least.
void Op::begin_grace() {
    if (!grace_since_ && enough_called(quorum(birth_count_ - version_))) grace_since_ = now_;
}

bool Op::enough_called(uint32_t enough) const {
    uint32_t called = 0;
    for (uint32_t r = 0; r < birth_count_; ++r) called += alive(r) && posted_[r];
    return called >= std::max(enough, config_.descriptor.min_contributors);
}

Instant Op::early_since() const { return std::max(called_at_, started_); }

// What the others could not do without it is no silence of theirs, and that it has not called is void; but
// what was said about others is not.
void Op::called(Rank rank, Instant now) {
    begin_anew(now);
    called_at_ = now;
    forgive([&](uint32_t r, Blame) { return r == rank.value; });
}

// Nor what they could not do while somebody was in the op who is left out now.
void Op::view_changed(Instant now) {
    begin_anew(now);
    begin_grace();  // of fewer, most may be there
    forgive([&](uint32_t r, Blame blame) { return !alive(r) || blame == Blame::silence; });
}

void Op::begin_anew(Instant now) {
    for (auto& [r, last] : progress_) last = now;
    if (grace_since_) grace_since_ = now;
}

// Takes back what was asked about some; what was asked about others stays.
void Op::forgive(const std::function<bool(uint32_t rank, Blame blame)>& void_now) {
    if (std::erase_if(blamed_, [&](const auto& b) { return void_now(b.first, b.second.blame); }) == 0) return;
    host_.withdraw_exclusions();
    for (const auto& [r, blamed] : blamed_) {
        if (alive(r)) host_.request_exclusion({{r}}, blamed.why, stand_min({{r}}));
    }
}

// It was silent, and is not any more. Whether it is fast enough, the milestones tell.
void Op::heard(Rank from, Instant now) {
    progress_[from.value] = now;
    if (!posted_[from.value] || !blamed_.contains(from.value)) return;
    forgive([&](uint32_t r, Blame blame) { return r == from.value && blame == Blame::silence; });
}

// So many have to stay in the op when these go: those that only receive are no contributors.
uint32_t Op::stand_min(const std::vector<Rank>& without) const {
    uint32_t only_receive = 0;
    for (uint32_t r = 0; r < birth_count_; ++r) {
        const bool stays = alive(r) && std::find(without.begin(), without.end(), Rank{r}) == without.end();
        only_receive += stays && !copies() && posted_[r] && abstains_[r];
    }
    return std::max(1u, config_.descriptor.min_contributors) + only_receive;
}

// Whether somebody who has called it owes something here, and gave a sign lately. What a root owes it may be
// unable to make: in a uniform op, until all have contributed.
bool Op::others_are_busy(Instant now) const {
    for (const auto& [r, last] : progress_) {
        if (r == self() || !alive(r) || !posted_[r] || now - last >= config_.patience * kLonger) continue;
        if (owes_contribution(r) || (open_by_root_[r] > 0 && !uniform())) return true;
    }
    return false;
}

// Those that have not called it; else those whose contributions are missing here; else idle roots. As long as
// others are busy, only how far they are tells whether somebody who calls it late holds them up: left out at
// once, it could not help when another one turns out to crawl and no more may go. Nor are those blamed
// instead who have called: they have been silent for less long than it.
std::vector<Rank> Op::laggards(Instant now, Instant idle_since) {
    std::vector<Rank> found;
    const bool lately = now - early_since() < config_.patience * kCallsLate;
    const bool may_call_late =
        lately && others_are_busy(now) && config_.plant != Plant::leave_out_late_callers;
    // Where a root can do nothing until all have contributed there, milestones tell who holds it up: in a
    // uniform op, where they know of contributions too. Else it gets longer still.
    const bool may_wait = uniform() && birth_count_ - version_ > 2;
    const int64_t roots_get = roots_need_all() ? kCallsLate : kLonger;
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (may_call_late && alive(r) && !posted_[r]) return {};
    }
    for (int suspicion = 0; suspicion < 3 && found.empty(); ++suspicion) {
        for (uint32_t r = 0; r < birth_count_; ++r) {
            const auto last = progress_.find(r);
            // An idle root may itself wait, for a contribution behind other traffic: it gets longer. So does
            // a contributor that may be gone without.
            const int64_t times = suspicion == 2                       ? roots_get
                                  : suspicion == 1 && may_go_without() ? kLonger
                                                                       : 1;
            const Duration patience = config_.patience * times;
            const bool idle =
                last == progress_.end() ? now - idle_since >= patience : now - last->second >= patience;
            if (r == self() || !alive(r) || !idle) continue;
            const bool blamed = suspicion == 0   ? !posted_[r]
                                : !posted_[r]    ? false
                                : suspicion == 1 ? owes_contribution(r)
                                                 : open_by_root_[r] > 0 && !may_wait;
            if (blamed) found.push_back({r});
        }
    }
    return found;
}

// In a uniform op; and where so few contribute that none of them can be gone without.
bool Op::roots_need_all() const {
    uint32_t contributors = 0;
    for (uint32_t r = 0; r < birth_count_; ++r) contributors += alive(r) && !(posted_[r] && abstains_[r]);
    return uniform() || (!copies() && quorum(contributors) >= contributors);
}

// More than the window lets it give nobody owes.
bool Op::owes_contribution(uint32_t rank) const {
    const bool may_give = given_count_[rank] < uint64_t{granted_count_} + window_chunks();
    if (uniform() && !may_give) return false;
    for (const auto& [c, root] : rooted_) {
        if (chunks_[c].root == self() && chunks_[c].state == ChunkState::open && contributes(rank, c) &&
            !root.given[rank].present)
            return true;
    }
    return false;
}

// All of them or nobody: where one may go and two seem slow, this peer does not know which of them is.
void Op::leave_out(const std::vector<Rank>& ranks, Blame blame, Instant now) {
    if (ranks.empty() || is_behind()) return;
    const uint32_t needed = stand_min(ranks);
    if (birth_count_ - version_ - ranks.size() < needed) return;
    if (config_.plant == Plant::root_excludes_root) {
        std::vector<bool> alive = alive_;
        for (const Rank rank : ranks) alive[rank.value] = false;
        return install(alive, evicted_, now);
    }
    constexpr const char* kReasons[] = {"no progress", "far behind the others",
                                        "its results cannot be kept for it"};
    const std::string why = std::string(kReasons[static_cast<size_t>(blame)]) + " in op " +
                            to_string(config_.id) + " for " + std::to_string(config_.patience.ms()) + " ms";
    for (const Rank rank : ranks) {
        const auto known = blamed_.find(rank.value);
        if (known != blamed_.end() && known->second.blame != Blame::silence)
            continue;  // it is more than that
        blamed_[rank.value] = {why, blame};
    }
    host_.request_exclusion(ranks, why, needed);
}

// A chunk that this peer roots is not known to be there.
bool Op::lacks_result(uint32_t rank) const {
    return std::any_of(rooted_.begin(), rooted_.end(), [&](const auto& entry) {
        return chunks_[entry.first].root == self() && chunks_[entry.first].state == ChunkState::has &&
               !entry.second.acked[rank];
    });
}

// The op is complete here, but what slow receivers lack is more than may be kept for them: without them less
// has to be, or nothing.
void Op::leave_out_where_room_is_short(Instant now) {
    if (config_.grace.ns <= 0 || !room_short_since_ || mode_ != Mode::member) return;
    std::vector<Rank> slow;
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (r == self() || !alive(r) || !lacks_result(r)) continue;
        if (behind_[r] || now - *room_short_since_ >= config_.patience) slow.push_back({r});
    }
    leave_out(slow, Blame::no_room, now);
}

// One that is left out but lives will ask for the results of this peer's chunks, once no job of its own
// writes where they go: they are kept until it has said that it has them, or needs none, as long as there is
// room.
void Op::keep_for(uint32_t rank) {
    if (uniform() || scatters() || mode_ != Mode::member || (ended_ && end_code_ != Code::OK)) return;
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        if (chunks_[c].root != self() || chunks_[c].state == ChunkState::released) continue;
        Rooted& root = rooted(c);
        if (root.acked[rank]) continue;
        root.listeners.insert(rank);
        if (!ended_) retained_all_ = false;
    }
}

// Planted bug: what comes while the fold runs is said to be in the result.
void Op::count_late(Rank from, uint32_t c) {
    const auto root = rooted_.find(c);
    if (root == rooted_.end() || !root->second.job) return;
    running_.at(*root->second.job).set[from.value] = true;
}

bool Op::wants(const wire::BulkHeader& header) const {
    const bool late = header.kind == static_cast<uint8_t>(wire::BulkKind::contribution) &&
                      header.attempt == attempt_ && chunks_[header.chunk].state != ChunkState::open;
    return !late || config_.plant == Plant::late_contribution;
}

}  // namespace whim::op
