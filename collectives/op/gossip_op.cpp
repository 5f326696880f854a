// The gossip op's life: beginning, what neighbours say, who is gone, and how it ends.
#include "collectives/op/gossip_op.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/limits.h"
#include "collectives/op/bitmap.h"

namespace whim::op {

GossipOp::GossipOp(GossipConfig config, OpHost& host, ChunkPool& pool)
    : config_(std::move(config)), host_(host), pool_(pool),
      rows_(config_.graph, config_.descriptor.gossip, config_.self),
      layout_{config_.descriptor.elements, static_cast<uint32_t>(dtype_bytes(config_.descriptor.dtype)),
              std::max(1u, config_.descriptor.chunk_elements)},
      alive_(config_.alive), record_(rows_.steps(), layout_.chunks()) {
    const Dtype dtype = config_.descriptor.dtype;
    WHIM_ASSERT(dtype_is_float(dtype) && config_.in.size() == config_.out.size());
    WHIM_ASSERT(!config_.coding || (dtype == Dtype::f32 && !config_.coding->codec().sparse()));
    if (config_.descriptor.elements == 0) config_.coding = nullptr;  // codecs are not asked for nothing
    for (const Rank r : rows_.neighbours()) {
        neighbours_[r.value].open = alive_[r.value];
        neighbours_[r.value].lost = !alive_[r.value];
    }
    for (uint32_t step = 0; step < rows_.steps(); ++step) accelerated_ |= rows_.omega(step) != 1.0f;
    uint64_t payloads = rows_.steps();  // of a chunk that neighbours may have sent ahead
    if (!rows_.changes()) payloads = std::max<uint64_t>(1, 2 * rows_.row(0).from.size());
    // Of own values, which are not encoded, there is as much as of a payload that is.
    const uint64_t chunk = std::max(payload_bytes_max(), layout_.chunk_bytes({0}));
    window_ = static_cast<uint32_t>(
        std::clamp<uint64_t>(config_.held_bytes / (payloads * chunk), limits::kGossipAheadMin,
                             std::max(limits::kGossipAheadMin, layout_.chunks())));
}

void GossipOp::start(Instant now) {
    now_ = said_waiting_ = now;
    started_ = true;
    for (auto& [rank, n] : neighbours_) {
        n.heard = now;
        if (n.open)
            host_.send({rank}, wire::OpPost{config_.id, config_.descriptor, config_.abstains, window_});
    }
    if (config_.abstains) stop("");  // which the post has said
    go_on();
    settle();
}

void GossipOp::on_message(Rank from, const wire::Message& message, Instant now) {
    now_ = now;
    const auto found = neighbours_.find(from.value);
    if (found != neighbours_.end()) found->second.heard = now;
    if (const auto* post = std::get_if<wire::OpPost>(&message)) on_post(from, *post);
    else if (const auto* said = std::get_if<wire::OpFail>(&message)) on_fail(from, *said);
    else if (const auto* grant = std::get_if<wire::OpGrant>(&message); grant && found != neighbours_.end()) {
        found->second.done = std::max(found->second.done, std::min(grant->chunks_closed, layout_.chunks()));
        for (auto held = held_.begin(); held != held_.end() && held->first.first < found->second.done;)
            held = drop(held, from.value);
        pump(from.value);
    }
    settle();
}

void GossipOp::on_post(Rank from, const wire::OpPost& post) {
    if (!(post.descriptor == config_.descriptor)) {
        const std::string why = "op " + to_string(config_.id) + ": " + host_.name(from) + " called it with " +
                                describe(post.descriptor) + ", " + host_.name(config_.self) + " with " +
                                describe(config_.descriptor);
        host_.send(from, wire::OpFail{config_.id, static_cast<int32_t>(Code::E_MISMATCH), why});
        return fail_for_all(Code::E_MISMATCH, why);
    }
    const auto found = neighbours_.find(from.value);
    if (found == neighbours_.end()) return;
    if (!found->second.open)
        return host_.send(from, wire::OpFail{config_.id, static_cast<int32_t>(Code::E_EXCLUDED),
                                             host_.name(config_.self) + " goes on without it"});
    if (post.abstains) return close(from.value);
    found->second.posted = true;
    found->second.window = std::max(1u, post.window_chunks);
    pump(from.value);
}

// What ends the op for one is a mistake of a program only where somebody says so; else its sender has left.
void GossipOp::on_fail(Rank from, const wire::OpFail& said) {
    const std::optional<Code> code = code_from_int(said.code);
    if (!code || !alive_[from.value]) return;
    const bool for_all = *code == Code::E_MISMATCH || *code == Code::E_NON_FINITE;
    if (for_all) fail_for_all(*code, said.detail);  // unless this peer has ended already
    else if (*code != Code::OK) forget_last_given(from.value);
    close(from.value);
}

// Of each chunk that a neighbour is not done with, the values of the last step that it has given and this
// peer has not mixed: it leaves without having taken that step, so that neither has the other's.
void GossipOp::forget_last_given(uint32_t rank) {
    const auto found = neighbours_.find(rank);
    if (found == neighbours_.end()) return;
    for (auto& [c, chunk] : chunks_) {
        if (c < found->second.done) continue;
        const auto last = std::find_if(chunk.given.rbegin(), chunk.given.rend(),
                                       [&](const auto& given) { return given.first.second == rank; });
        if (last != chunk.given.rend()) chunk.given.erase(std::next(last).base());
    }
}

// It is gone: nothing is awaited from it any more, nor kept for it.
void GossipOp::close(uint32_t rank) {
    const auto found = neighbours_.find(rank);
    if (found == neighbours_.end() || !found->second.open) return;
    found->second.open = false;
    found->second.lost = running() && !complete();
    found->second.unsent.clear();
    for (auto held = held_.begin(); held != held_.end();) held = drop(held, rank);
    go_on();
}

void GossipOp::install(const std::vector<bool>& alive, const std::vector<bool>&, Instant now) {
    now_ = now;
    for (uint32_t r = 0; r < alive.size(); ++r) {
        if (!alive_[r] || alive[r]) continue;
        alive_[r] = false;
        close(r);
    }
    if (!alive_[config_.self.value] && running()) stop("this peer was left out");
    settle();
}

void GossipOp::abandon(Code code, const std::string& detail, Instant now) {
    now_ = now;
    if (!ended_ && !ending_ && !stopping_) {
        say_leaving(code, detail);
        fail(code, detail);
    }
    forget_neighbours();
    settle();
}

void GossipOp::fail(Code code, const std::string& detail) {
    if (ended_ || ending_ || stopping_) return;
    ending_ = true;
    end_code_ = code;
    end_detail_ = detail;
    forget_neighbours();
}

// Every neighbour hears why, and passes it on: the op ends for all whom edges join.
void GossipOp::fail_for_all(Code code, const std::string& detail) {
    if (ended_ || ending_ || stopping_) return;
    for (const auto& [rank, n] : neighbours_) {
        if (n.open) host_.send({rank}, wire::OpFail{config_.id, static_cast<int32_t>(code), detail});
    }
    fail(code, detail);
}

// No further step: the op ends with what has been mixed. Whoever has taken all steps, and only waits for
// others to have its values, says OK: what they have of it counts.
void GossipOp::stop(const std::string& why) {
    WHIM_ASSERT(running());
    if (!why.empty()) say_leaving(complete() ? Code::OK : Code::E_EXCLUDED, why);
    stopping_ = true;
    end_detail_ = why;
    forget_neighbours();
}

// Before neighbours part: what this one gave of these chunks counts, as it has taken all their steps.
void GossipOp::say_done(uint32_t rank) {
    if (done_below() > 0) host_.send({rank}, wire::OpGrant{config_.id, 0, done_below(), 0, {}});
}

void GossipOp::say_leaving(Code code, const std::string& why) {
    if (config_.plant == Plant::gossip_leaves_silently) return;
    for (const auto& [rank, n] : neighbours_) {
        if (!n.open) continue;
        say_done(rank);
        host_.send({rank}, wire::OpFail{config_.id, static_cast<int32_t>(code),
                                        host_.name(config_.self) + " ends its part: " + why});
    }
}

void GossipOp::forget_neighbours() {
    for (auto& [rank, n] : neighbours_) {
        n.open = false;
        n.unsent.clear();
    }
    held_.clear();
    if (retained_bytes_) host_.release_retained(*retained_bytes_);
    retained_bytes_ = 0;
}

void GossipOp::settle() {
    if (ended_ || !started_ || !jobs_.empty()) return;
    if (ending_) return end();
    if (stopping_) {
        if (write_rest()) end();
        return;
    }
    if (complete() && keep_for_others()) end();
}

// What is still to be sent is kept out of the group's budget; false while that has no room.
bool GossipOp::keep_for_others() {
    uint64_t bytes = 0;
    for (const auto& [at, held] : held_) bytes += held.values->bytes().size();
    if (!host_.reserve_retained(bytes)) return false;
    retained_bytes_ = bytes;
    return true;
}

void GossipOp::end() {
    ended_ = true;
    chunks_.clear();
    card_.chunks = layout_.chunks();
    card_.chunks_final = final_;
    for (const std::vector<uint32_t>& ranks : record_.sets()) {
        std::vector<bool>& set = card_.sets.emplace_back(alive_.size(), false);
        for (const uint32_t r : ranks) set[r] = true;
    }
    card_.excluded_self = config_.abstains;
    gossip_card_.mixes = record_.runs();
    gossip_card_.steps = rows_.steps();
    gossip_card_.steps_min = final_ == layout_.chunks() ? steps_min_ : 0;
    for (const auto& [rank, n] : neighbours_) {
        gossip_card_.neighbours.push_back({rank});
        if (n.lost) gossip_card_.lost.push_back({rank});
    }
    if (end_code_ == Code::OK && end_detail_.empty()) end_detail_ = lost_in_words();
    host_.ended(end_code_, end_detail_);
}

std::string GossipOp::lost_in_words() const {
    constexpr size_t kNamed = 4;
    std::string names;
    size_t count = 0;
    for (const Rank r : gossip_card_.lost) {
        if (count++ < kNamed) names += (count > 1 ? ", " : "") + host_.name(r);
    }
    if (count == 0) return "";
    return std::to_string(count) + " of " + std::to_string(neighbours_.size()) +
           " neighbours were gone before the end: " + names + (count > kNamed ? " ..." : "");
}

bool GossipOp::all_posted() const {
    return std::all_of(neighbours_.begin(), neighbours_.end(),
                       [](const auto& n) { return !n.second.open || n.second.posted; });
}

// Whether a step waits for its values.
bool GossipOp::awaits(uint32_t rank) const {
    return std::any_of(chunks_.begin(), chunks_.end(), [&](const auto& entry) {
        const Chunk& chunk = entry.second;
        return !chunk.busy && rows_.row(chunk.step).has({rank}) && !chunk.given.contains({chunk.step, rank});
    });
}

std::optional<Instant> GossipOp::deadline() const {
    if (!running()) return std::nullopt;
    std::optional<Instant> due = config_.give_up;
    if (config_.grace.ns <= 0) return due;
    for (const auto& [rank, n] : neighbours_) {
        if (!n.open || !awaits(rank)) continue;
        due = earlier(due, earlier(n.heard + config_.grace, said_waiting_ + config_.grace / 2));
    }
    return due;
}

// Whoever waits for one neighbour is itself waited for by the others. To those that have shown, by going on,
// that they have all it gave, it says that it is there, or each of them would give up a neighbour that is as
// fast as itself. Others it tells nothing: what they wait for may be its own line.
void GossipOp::say_waiting(Instant now) {
    if (now < said_waiting_ + config_.grace / 2) return;
    said_waiting_ = now;
    std::vector<uint32_t> others;
    bool waits = false;
    for (const auto& [rank, n] : neighbours_) {
        if (!n.open) continue;
        if (awaits(rank)) waits = true;
        else if (n.posted && n.unsent.empty()) others.push_back(rank);
    }
    if (!waits) return;
    for (const auto& [at, held] : held_)
        std::erase_if(others, [&](uint32_t rank) { return held.to.contains(rank); });
    for (const uint32_t rank : others) {
        host_.send({rank}, wire::OpGrant{config_.id, 0, said_done_, 0, {}});
    }
}

void GossipOp::on_deadline(Instant now) {
    now_ = now;
    if (!running()) return;
    if (config_.give_up && *config_.give_up <= now) {
        stop("the budget is over");
        return settle();
    }
    if (config_.grace.ns <= 0) return;
    say_waiting(now);
    std::vector<uint32_t> late;
    for (const auto& [rank, n] : neighbours_) {
        if (n.open && n.heard + config_.grace <= now && awaits(rank)) late.push_back(rank);
    }
    for (const uint32_t rank : late) {
        if (!running()) break;
        say_done(rank);
        host_.send({rank}, wire::OpFail{config_.id, static_cast<int32_t>(Code::E_EXCLUDED),
                                        host_.name(config_.self) + " waited " +
                                            std::to_string(config_.grace.ms()) + " ms and goes on without"});
        close(rank);
    }
    settle();
}

std::string GossipOp::waiting_for() const {
    if (ended_) return "";
    const std::string what = "op " + to_string(config_.id) + " waits for ";
    for (const auto& [c, chunk] : chunks_) {
        const std::optional<uint32_t> rank = missing(chunk);
        if (!rank) continue;
        const std::string name = host_.name({*rank});
        if (!neighbours_.at(*rank).posted) return what + name + " to call it";
        return what + "step " + std::to_string(chunk.step) + " of chunk " + std::to_string(c) + " from " +
               name;
    }
    return what + "its last steps";
}

}  // namespace whim::op
