// Ops whose plan has trees: each member folds what its senders folded with its own input and passes the
// partial sum on; the root's result goes back down another tree. That holds only while all members are there.
// When one goes, what is not finished starts over as the direct plan with the same roots: partial sums are
// dropped, and every chunk is an orphan whose root hears everybody first, for a result may have come to some
// and not to others (op_exchange.cpp).
//
// Partial sums of averages are not divided: w0*x0 + w1*x1 + ..., and the header has w0 + w1 + .... A member
// that contributes nothing passes on what came to it, or a partial sum of nothing, which has no bytes.
#include <algorithm>
#include <cmath>

#include "base/assert.h"
#include "collectives/op/bitmap.h"
#include "collectives/op/op.h"

namespace whim::op {

uint32_t Op::root_of(uint32_t c, const std::vector<bool>& alive) const {
    if (!routes_) return chunk_root(config_.id, {c}, layout_, alive).value;
    const uint32_t root = routes_->root(c);
    if (alive[root]) return root;
    std::vector<Rank> living;
    for (uint32_t r = 0; r < birth_count_; ++r) {
        if (alive[r]) living.push_back({r});
    }
    return orphan_root(config_.id, {c}, living).value;
}

// Windows are meant for one of all the others; in trees fewer send more each.
uint64_t Op::window_in_trees(uint32_t receiver, uint64_t window) const {
    return window * (birth_count_ - 1) / std::max(1u, routes_->fan_in(receiver));
}

// To each receiver in turn, no further than its window. What is folded here first is folded once it may go,
// so that no more waits here than a window.
void Op::pump_routed() {
    if (frozen_ || ended_ || ending_ || mode_ != Mode::member) return;
    for (bool progress = true; progress;) {
        progress = false;
        for (const auto& [to, list] : routes_->to()) {
            uint32_t& next = next_[to];
            if (next == list.size()) continue;
            const bool allowed = posted_[to] ? next < closed_by_[to] + window_in_trees(to, window_of_[to])
                                             : (next + 1) * contribution_bytes_max() <= config_.eager_bytes;
            if (!allowed) continue;
            offer(list[next++]);
            progress = true;
        }
    }
}

void Op::offer(uint32_t c) {
    if (chunks_[c].state != ChunkState::open) return;
    if (!routes_->leaf(c)) return fold_routed(c, now_);
    const uint32_t up = routes_->of(c).up;
    if (contributes(self(), c)) return contribute(c, up);
    partials_[c] = {nullptr, std::vector<bool>(birth_count_, false), 0.0f};
    send_partial(c);
}

// A contribution of a leaf, or a partial sum.
void Op::on_part(Rank from, Arrival& arrival, Instant now) {
    const uint32_t c = arrival.header.chunk;
    const Route& route = routes_->of(c);
    if (!std::binary_search(route.senders.begin(), route.senders.end(), from.value)) return;
    if (chunks_[c].state != ChunkState::open || mode_ != Mode::member) return;
    Rooted& node = rooted(c);
    if (node.job || node.given[from.value].present) return;
    Given given{.present = true, .weight = arrival.header.weight, .buffer = std::move(arrival.buffer)};
    if (arrival.header.kind == static_cast<uint8_t>(wire::BulkKind::partial)) {
        given.set = from_bitmap(arrival.header.contributors, birth_count_);
        const bool empty = std::find(given.set.begin(), given.set.end(), true) == given.set.end();
        const bool as_long = chunk_bytes(c) == 0 || empty == given.buffer->bytes().empty();
        if (!as_long || !std::isfinite(given.weight) || given.weight < 0.0f ||
            !routes_->passes(c, from.value, given.set)) {
            host_.violated(from, "a partial sum of chunk " + std::to_string(c) + " of op " +
                                     to_string(config_.id) + " with what does not come by it");
            return;
        }
        if (empty) given.buffer.reset();
    }
    node.given[from.value] = std::move(given);
    delivered_[from.value] = true;
    fold_routed(c, now);
}

// What this member owes for a chunk of which it is no leaf: a partial sum, or at the root the result.
void Op::fold_routed(uint32_t c, Instant now) {
    if (ended_ || ending_ || frozen_ || mode_ != Mode::member || chunks_[c].state != ChunkState::open) return;
    const Route& route = routes_->of(c);
    const bool roots = route.root == self();
    if (!roots && (routes_->leaf(c) || routes_->place(c) >= next_[route.up])) return;
    Rooted& node = rooted(c);
    if (node.job || closed_[c]) return;
    for (const uint32_t sender : route.senders) {
        if (!node.given[sender].present || !posted_[sender]) return;
    }
    RunningJob running{.chunk = c, .partial = !roots, .set = std::vector<bool>(birth_count_, false)};
    Job job;
    std::vector<uint32_t> order = route.senders;
    if (contributes(self(), c)) order.insert(std::upper_bound(order.begin(), order.end(), self()), self());
    for (const uint32_t r : order) {
        Given& given = node.given[r];
        if (r == self()) given = {.present = true, .weight = config_.weight, .buffer = nullptr};
        const bool sum = !given.set.empty();
        running.weight += given.weight;
        for (uint32_t m = 0; sum && m < birth_count_; ++m) running.set[m] = running.set[m] || given.set[m];
        if (!sum) running.set[r] = true;
        if (sum && !given.buffer) continue;
        if (given.buffer) running.inputs.push_back(given.buffer);
        if (r == self()) give_input(job, c, given.weight);
        else job.inputs.push_back({given.buffer->bytes(), sum ? 1.0f : given.weight});
        if (config_.plant == Plant::partial_counted_twice && sum) job.inputs.push_back(job.inputs.back());
    }
    const auto there = static_cast<uint32_t>(std::count(running.set.begin(), running.set.end(), true));
    const uint32_t needed = std::max(1u, config_.descriptor.min_contributors);
    if (roots && there < needed)
        return fail_for_all(Code::E_TOO_FEW,
                            "op " + to_string(config_.id) + ": " + std::to_string(there) +
                                " members contribute, " + std::to_string(needed) + " are required",
                            now);
    const bool averages = config_.descriptor.reduce == Reduce::avg;
    if (averages && (roots || !std::isfinite(running.weight)) && !weights_hold(running.weight)) return;
    if (!averages) running.weight = 1.0f;  // travels, and means nothing
    job.id = host_.next_job_id();
    node.job = job.id;
    if (job.inputs.empty()) return partial_done(running);
    job.kind = !averages ? JobKind::fold : roots ? JobKind::root : JobKind::partial;
    job.dtype = config_.descriptor.dtype;
    job.reduce = config_.descriptor.reduce;
    job.weight_sum = running.weight;
    if (!roots) running.encoded = pool_.take(chunk_bytes(c));
    if (roots) give_output(job, c, running.packed);
    else job.out = running.encoded->bytes();
    running_.emplace(job.id, std::move(running));
    ++jobs_;
    host_.submit(std::move(job));
}

void Op::partial_done(RunningJob& running) {
    const uint32_t c = running.chunk;
    if (!routed() || ending_ || mode_ != Mode::member) return;
    Rooted& node = rooted(c);
    node.job.reset();
    for (Given& given : node.given) given.buffer.reset();
    partials_[c] = {std::move(running.encoded), std::move(running.set), running.weight};
    close_routed(c);
    send_partial(c);
}

void Op::send_partial(uint32_t c) {
    const Partial& partial = partials_.at(c);
    const uint32_t up = routes_->of(c).up;
    chunks_[c].contributed_to = up;
    wire::BulkHeader header;
    header.kind = static_cast<uint8_t>(wire::BulkKind::partial);
    header.op = config_.id;
    header.attempt = attempt_;
    header.version = version_;
    header.chunk = c;
    header.weight = partial.weight;
    header.contributors = to_bitmap(partial.set);
    const uint64_t bytes = partial.buffer ? partial.buffer->bytes().size() : 0;
    card_.bytes_sent += bytes;
    host_.send_chunk({up}, header, static_cast<uint32_t>(bytes));
}

std::optional<ByteSpan> Op::pin_partial(Pin pin) {
    const auto found = partials_.find(pin.chunk);
    if ((!routed() && config_.plant != Plant::partials_outlive_trees) || found == partials_.end() ||
        routes_->of(pin.chunk).up != pin.to)
        return std::nullopt;
    pin.buffer = found->second.buffer;
    if (!pin.buffer) {
        pin.buffer = pool_.take(0);  // nothing of the application's is lent
        return pinned(std::move(pin), {});
    }
    return pinned(std::move(pin), pin.buffer->bytes());
}

// Senders' windows move on as far as their lists are closed from the start.
void Op::close_routed(uint32_t c) {
    closed_[c] = true;
    const uint64_t window = window_in_trees(self(), window_chunks());
    for (const uint32_t sender : routes_->of(c).senders) {
        const std::vector<uint32_t>& list = routes_->by().at(sender);
        uint32_t& taken = taken_[sender];
        while (taken < list.size() && closed_[list[taken]]) ++taken;
        if (list.size() <= window || taken - granted_[sender] < std::max<uint64_t>(1, window / 4)) continue;
        granted_[sender] = taken;
        if (posted_[sender]) host_.send({sender}, wire::OpGrant{config_.id, attempt_, taken, version_, {}});
    }
}

void Op::on_grant(Rank from, const wire::OpGrant& grant, Instant now) {
    if (fallen_ && attempt_ == 0 && grant.version == 0) return;  // of a list that counts no longer
    uint32_t& closed = closed_by_[from.value];
    const uint32_t before = closed;
    closed = std::max(closed, grant.chunks_closed);
    on_passed_over(from, grant.passed_over);
    if (routed()) {
        const auto list = routes_->to().find(from.value);
        if (list == routes_->to().end()) return;
        closed = std::min(closed, static_cast<uint32_t>(list->second.size()));
        for (uint32_t i = before; i < closed; ++i) partials_.erase(list->second[i]);
    }
    pump(now);
}

// A result goes on to those that have called the op; the others get it when they do.
void Op::pass_on(uint32_t c) {
    for (const uint32_t to : routes_->of(c).down_to) {
        if (posted_[to]) pass_on(c, to);
    }
}

void Op::pass_on(uint32_t c, uint32_t to) {
    if (routes_->root(c) == self()) send_result(c, to);  // and knows it, should trees fall
    else queue_result(c, to);
}

// A result that was sent while trees held, by somebody who only passed it on, and comes when they do no
// longer: this peer has said that it lacks it, so whoever is its root by now sends it.
bool Op::passed_on_late(Rank from, const wire::BulkHeader& header) const {
    return routes_ && !routed() && attempt_ == 0 && header.version == 0 &&
           from.value != routes_->root(header.chunk);
}

void Op::posted_routed(Rank from, Instant now) {
    if (granted_[from.value] > 0)
        host_.send(from, wire::OpGrant{config_.id, attempt_, granted_[from.value], version_, {}});
    if (const auto list = routes_->by().find(from.value); list != routes_->by().end()) {
        for (const uint32_t c : list->second) fold_routed(c, now);
    }
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        const std::vector<uint32_t>& to = routes_->of(c).down_to;
        if (chunks_[c].state != ChunkState::open && std::binary_search(to.begin(), to.end(), from.value))
            pass_on(c, from.value);
    }
}

// Somebody went. A fold of a result that is under way goes on: its root has all it needs, and lives.
void Op::fall() {
    fallen_ = true;
    card_.trees_fell = open_count_ > 0;
    if (config_.plant != Plant::partials_outlive_trees) partials_.clear();
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        if (chunks_[c].state != ChunkState::open) continue;
        chunks_[c].contributed_to = UINT32_MAX;
        const auto node = rooted_.find(c);
        if (node == rooted_.end() || (routes_->root(c) == self() && node->second.job)) continue;
        rooted_.erase(node);
    }
    for (uint32_t r = 0; r < birth_count_; ++r) sent_early_[r] = posted_[r] ? 0 : next_[r];
    next_.assign(birth_count_, 0);
    sent_count_.assign(birth_count_, 0);
    closed_by_.assign(birth_count_, 0);
    granted_count_ = 0;
    closed_count_ = static_cast<uint32_t>(
        std::count_if(base_list_[self()].begin(), base_list_[self()].end(),
                      [&](uint32_t c) { return chunks_[c].state != ChunkState::open; }));
}

std::string Op::waiting_routed() const {
    const std::string what = "op " + to_string(config_.id) + " waits for ";
    for (uint32_t c = 0; c < chunks_.size(); ++c) {
        if (chunks_[c].state != ChunkState::open) continue;
        const Route& route = routes_->of(c);
        const auto node = rooted_.find(c);
        for (const uint32_t sender : route.senders) {
            if (closed_[c] || (node != rooted_.end() && node->second.given[sender].present)) continue;
            return what + "what " + host_.name({sender}) + " folds for chunk " + std::to_string(c);
        }
        if (route.root != self() &&
            closed_by_[route.up] + window_in_trees(route.up, window_of_[route.up]) <= routes_->place(c))
            return what + host_.name({route.up}) + " to take chunk " + std::to_string(c);
        if (route.root != self())
            return what + "chunk " + std::to_string(c) + " from " + host_.name({route.down_from});
    }
    return what + "its last bytes to leave";
}

}  // namespace whim::op
