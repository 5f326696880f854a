// The results-first exchange: what happens to the chunks of a root that is gone, and to a peer left out.
#include <algorithm>

#include "base/assert.h"
#include "collectives/op/bitmap.h"
#include "collectives/op/op.h"

namespace whim::op {

// Members are gone: orphaned chunks move to their new roots, everyone reports, living roots go on.
void Op::reroot(Instant now) {
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (!alive(r)) pending_acks_.erase(r);
    }
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        Chunk& chunk = chunks_[c];
        if (scatters()) {
            if (!alive(chunk.root) && config_.plant != Plant::await_dead_owner) finish_elsewhere(c);
        } else if (!alive(chunk.root)) {
            const uint32_t before = chunk.root;
            chunk.root = root_of(c, alive_);
            if (chunk.state == ChunkState::open) --open_by_root_[before], ++open_by_root_[chunk.root];
            if (chunk.state != ChunkState::released && chunk.root == self()) ++own_unreleased_;
        }
    }
    report_orphans(now);
    pump(now);
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        if (chunks_[c].root != self()) continue;
        if (chunks_[c].state == ChunkState::open) try_fold(c, now);
        else if (!orphan(c)) check_stable(c);
    }
    if (fallen_ && attempt_ == 0 && closed_count_ > granted_count_) {  // in the lists of the direct plan
        granted_count_ = closed_count_;
        for (uint32_t r = 0; r < birth_count_; ++r) {
            if (r != self() && alive(r) && posted_[r]) grant(r);
        }
    }
    flush_stable();
    expect_progress(now);
}

// Tells each orphan's root what this peer has of it, under the installed version. A root tells everyone, so
// that a member which has forgotten the op because all was stable hears of it and says so.
void Op::report_orphans(Instant now) {
    std::map<uint32_t, std::vector<std::pair<uint32_t, wire::ChunkStatus>>> by_root;
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        Chunk& chunk = chunks_[c];
        if (!orphan(c)) continue;
        wire::ChunkStatus status = chunk.state == ChunkState::open  ? wire::ChunkStatus::contributes
                                   : chunk.state == ChunkState::has ? wire::ChunkStatus::has
                                                                    : wire::ChunkStatus::released;
        if (config_.plant == Plant::released_contributes && status == wire::ChunkStatus::released)
            status = wire::ChunkStatus::contributes;
        by_root[chunk.root].push_back({c, status});
        if (chunk.root == self()) {
            Rooted& root = rooted(c);
            root.status_version = version_;
            root.status.assign(birth_count_, std::nullopt);
            root.fetching_from.reset();
            if (config_.plant == Plant::stale_status)
                root.status.assign(birth_count_, wire::ChunkStatus::contributes);
        }
    }
    for (const auto& [root, entries] : by_root) send_status(root, entries);
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        if (chunks_[c].root == self() && orphan(c)) resolve(c, now);
    }
}

void Op::send_status(uint32_t root, const std::vector<std::pair<uint32_t, wire::ChunkStatus>>& entries) {
    wire::OpStatus message{config_.id, attempt_, version_, {}};
    const auto flush = [&] {
        if (root != self()) host_.send({root}, message);
        else send_all(message);
        message.ranges.clear();
    };
    for (const auto& entry : entries) {
        const uint8_t status = static_cast<uint8_t>(entry.second);
        wire::StatusRange* last = message.ranges.empty() ? nullptr : &message.ranges.back();
        if (last && last->status == status && last->chunks.first + last->chunks.count == entry.first)
            ++last->chunks.count;
        else message.ranges.push_back({{entry.first, 1}, status});
        if (message.ranges.size() == limits::kStatusRangesMax) flush();
    }
    flush();
}

void Op::on_status(Rank from, const wire::OpStatus& status, Instant now) {
    if (!alive(from.value) || status.version < version_ || mode_ != Mode::member) return;
    uint64_t next = 0;  // what was passed is not visited again
    for (const wire::StatusRange& range : status.ranges) {
        if (range.status > static_cast<uint8_t>(wire::ChunkStatus::released)) return;
        const uint64_t end =
            std::min<uint64_t>(uint64_t{range.chunks.first} + range.chunks.count, chunks_.size());
        for (next = std::max<uint64_t>(next, range.chunks.first); next < end; ++next) {
            const uint32_t c = static_cast<uint32_t>(next);
            if (chunks_[c].root != self() || !orphan(c)) continue;
            Rooted& root = rooted(c);
            if (root.status_version != version_) continue;
            root.status[from.value] = static_cast<wire::ChunkStatus>(range.status);
            resolve(c, now);
            if (ending_) return;
        }
    }
}

// The new root's decision about one orphaned chunk, taken once every member has reported.
void Op::resolve(uint32_t c, Instant now) {
    Chunk& chunk = chunks_[c];
    Rooted& root = rooted(c);
    if (root.status_version != version_ || frozen_) return;
    std::optional<uint32_t> holder;
    bool released = chunk.state == ChunkState::released;
    bool all = true;
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (r == self() || !alive(r)) continue;
        if (!root.status[r]) {
            all = false;
            continue;
        }
        if (*root.status[r] == wire::ChunkStatus::released) released = true;
        if (*root.status[r] == wire::ChunkStatus::has) {
            root.acked[r] = true;
            if (!holder) holder = r;
        }
    }
    if (released && chunk.state == ChunkState::has && config_.plant != Plant::released_contributes) {
        pending_stable_.push_back(c);
        release(c);
        flush_stable();
        return;
    }
    if (chunk.state == ChunkState::released) {
        // Somebody still asks: its report crossed the news.
        for (uint32_t r = 0; config_.plant == Plant::released_contributes && r < birth_count_; ++r)
            if (root.status[r] == wire::ChunkStatus::contributes && !root.sent[r] && !coded())
                send_result(c, r);
        pending_stable_.push_back(c);
        flush_stable();
        return;
    }
    if (!all && config_.plant != Plant::decide_before_all && config_.plant != Plant::count_the_unreported)
        return;
    if (chunk.state == ChunkState::has) {
        root.acked[self()] = true;
        if (config_.plant != Plant::keep_own_result) {
            for (uint32_t r = 0; r < birth_count_; ++r) {
                const bool lacks =
                    r != self() && alive(r) && root.status[r] == wire::ChunkStatus::contributes;
                if ((lacks && !root.sent[r]) ||
                    (config_.plant == Plant::resend_finished && r != self() && alive(r)))
                    send_result(c, r);
            }
        }
        for (const uint32_t r : root.listeners) {
            if (listening_[r] && !root.sent[r]) send_result(c, r);
        }
        check_stable(c);
        return;
    }
    if (holder && config_.plant == Plant::give_up_after_completion)
        return fail_for_all(Code::E_TOO_FEW, "a member is gone", now);
    if (holder && config_.plant != Plant::ignore_has) {
        if (root.fetching_from || root.job) return;
        root.fetching_from = *holder;
        host_.send({*holder}, wire::OpFetch{config_.id, attempt_, version_, {{c, 1}}});
        return;
    }
    if (holder) {  // planted bug: fold although somebody has the result
        for (auto& status : root.status) status = wire::ChunkStatus::contributes;
    }
    try_fold(c, now);
}

void Op::on_fetch(Rank from, const wire::OpFetch& fetch, Instant) {
    each_chunk(fetch.chunks, chunks_.size(), [&](uint32_t c) {
        const Chunk& chunk = chunks_[c];
        if (chunk.state != ChunkState::has || chunk.root != from.value) return;
        uint32_t& fetched = rooted(c).fetched;
        if (fetched > fetch.version) return;  // once under each view
        fetched = fetch.version + 1;
        send_result(c, from.value);
    });
}

// This peer was left out of the op but lives. It owns and folds nothing any more and takes only what is
// stable at the end, since nobody will ask it for what it has. If it had completed, its result may differ.
void Op::become_listener(Instant now) {
    card_.excluded_self = true;
    const bool first = mode_ == Mode::member;
    mode_ = Mode::listener;
    if (ended_ || unstaging_) {
        bool unstable = false;
        for (const Chunk& chunk : chunks_) unstable |= chunk.state == ChunkState::has;
        if (unstable && end_code_ == Code::OK) {
            host_.diverged("left out of op " + to_string(config_.id) + " after completing it");
        }
        if (unstaging_ && !ended_) return;  // ends once the result is all in the application's buffer
        mode_ = Mode::abandoned;
        want_nothing();
        drop_retained();
        return;
    }
    if (uniform() || scatters()) {
        return fail(Code::E_EXCLUDED,
                    "left out of op " + to_string(config_.id) +
                        (uniform() ? ", which needs one contributor set" : "; its own part is not made"),
                    now);
    }
    if (version_ == birth_count_) {
        return fail(Code::E_EXCLUDED,
                    "left out of op " + to_string(config_.id) + "; nobody who ran it is left", now);
    }
    if (first) rooted_.clear();
    disown();
    if (jobs_ == 0) listen();  // else when the last fold has stopped writing to the output
}

// What a listener has from anybody but the chunk's present root is void.
void Op::disown() {
    drop_retained();
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        Chunk& chunk = chunks_[c];
        const uint32_t before = chunk.root;
        if (!alive(before)) {
            chunk.root = root_of(c, alive_);
            if (chunk.state == ChunkState::open) --open_by_root_[before], ++open_by_root_[chunk.root];
        }
        if (chunk.state == ChunkState::has &&
            chunk.from != chunk.root) {  // a departed root's word is not final
            chunk.state = ChunkState::open;
            ++open_count_;
            ++open_by_root_[chunk.root];
        }
    }
}

void Op::listen() {
    if (ending_) return;  // of some ops a peer that is left out gets nothing
    std::map<uint32_t, std::vector<uint32_t>> wanted;
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        if (chunks_[c].state != ChunkState::released) wanted[chunks_[c].root].push_back(c);
    }
    for (const auto& [root, chunks] : wanted)
        host_.send({root}, wire::OpListen{config_.id, version_, to_ranges(chunks)});
}

void Op::on_listen(Rank from, const wire::OpListen& listen, Instant) {
    if (evicted_[from.value] || mode_ != Mode::member || scatters()) return;
    if (ending_ || (ended_ && end_code_ != Code::OK))
        return host_.send(from, wire::OpFail{config_.id, static_cast<int32_t>(end_code_), end_detail_});
    listening_[from.value] = true;
    std::vector<uint32_t> wanted;  // until now: it says what it lacks
    for (auto& [c, root] : rooted_) {
        if (root.listeners.erase(from.value) > 0) wanted.push_back(c);
    }
    bool gone = false;
    each_chunk(listen.chunks, chunks_.size(), [&](uint32_t c) {
        if (gone || chunks_[c].root != self()) return;
        gone = chunks_[c].state == ChunkState::released && (ended_ || coded()) && !retained_.contains(c) &&
               !lost(c);
        if (gone) {
            return host_.send(from, wire::OpFail{config_.id, static_cast<int32_t>(Code::E_EXCLUDED),
                                                 "left out of op " + to_string(config_.id) +
                                                     "; its results are no longer kept"});
        }
        Rooted& root = rooted(c);
        const bool had_it = root.sent[from.value];
        root.listeners.insert(from.value);
        retained_all_ = false;
        if (chunks_[c].state == ChunkState::open) return;
        if (!had_it) send_result(c, from.value);
        if (chunks_[c].state == ChunkState::released)
            host_.send(from, wire::OpStable{config_.id, attempt_, version_, {{c, 1}}});
    });
    for (const uint32_t c : wanted) check_stable(c);  // kept for it alone
}

// A listener that has ended, well or not, keeps nobody from closing the op.
void Op::stop_listening() {
    if (mode_ == Mode::listener) want_nothing();
}

// What the others keep for a peer that was left out they need not keep for this one.
void Op::want_nothing() { send_all(wire::OpAck{config_.id, attempt_, {{0, chunk_count()}}}); }

// Room for results is short: those that were left out go without and are healed by state. False: there are
// none.
bool Op::dismiss_listeners() {
    std::set<uint32_t> dismissed;
    std::vector<uint32_t> touched;
    for (auto& [c, root] : rooted_) {
        if (root.listeners.empty()) continue;
        dismissed.insert(root.listeners.begin(), root.listeners.end());
        root.listeners.clear();
        touched.push_back(c);
    }
    for (const uint32_t rank : dismissed) {
        host_.send({rank}, wire::OpFail{config_.id, static_cast<int32_t>(Code::E_EXCLUDED),
                                        "left out of op " + to_string(config_.id) +
                                            "; there is no room to keep its results"});
    }
    for (const uint32_t c : touched) check_stable(c);
    return !dismissed.empty();
}

void Op::drop_listener(uint32_t rank) {
    std::vector<uint32_t> touched;
    for (auto& [c, root] : rooted_) {
        if (root.listeners.erase(rank) > 0) touched.push_back(c);
    }
    for (const uint32_t c : touched) check_stable(c);
}

}  // namespace whim::op
