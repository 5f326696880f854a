// Ops of the scripted application: posting, what completion brings, and eyes on buffers afterwards.
#include <algorithm>

#include "collectives/plan/layout.h"

#include "tests/sim/app.h"

namespace whim::sim {
namespace {

constexpr Duration kBuffersWatchedFor = seconds(8);

}  // namespace

void App::take_up(const OpScript& script, Instant now) {
    const OpChoice choice = choice_of(c_.world.seed(), c_.plan.style, info_.round, script, member_);
    if (choice.delay == Duration{} && phase_ == Phase::running) return post(script, now);
    later(choice.delay, [this, script](Instant then) { post(script, then); });
}

// Of as many elements as the whole buffer has.
Bytes App::contribution(const OpScript& script, const OpChoice& choice) const {
    if (script.tag == kListsTag) return seen_;
    const auto drawn = [&](const MemberId& member) {
        return input_of(c_.world.seed(), info_.round, script, member, choice.finite);
    };
    Bytes bytes = drawn(member_);
    if (script.tag == kHealTag) std::copy(state_.bytes().begin(), state_.bytes().end(), bytes.begin());
    if (script.tag != kPolicyTag) return bytes;
    const Bytes alike = drawn({});
    std::copy_n(alike.begin(), alike.size() / 2, bytes.begin());
    return bytes;
}

void App::post(const OpScript& script, Instant now) {
    unposted_ -= 1;
    const bool heals = script.tag == kHealTag;
    const OpChoice choice = choice_of(c_.world.seed(), c_.plan.style, info_.round, script, member_);
    OpChecker::Posted posted;
    posted.member = member_;
    posted.round = info_.round;
    posted.script = script;
    for (const wire::MemberInfo& m : info_.participants) posted.birth.push_back(m.id);
    posted.input = contribution(script, choice);
    posted.given = posted.input;
    uint64_t out_bytes = posted.input.size();
    if (!script.parts.empty()) {
        const auto width = static_cast<uint32_t>(dtype_bytes(script.dtype));
        const ElementRange part = ChunkLayout::of_parts(script.parts, width, 1).part({info_.rank});
        const bool gathers = script.collective == Collective::all_gather;
        if (gathers)
            posted.given.assign(posted.input.begin() + static_cast<std::ptrdiff_t>(part.begin * width),
                                posted.input.begin() + static_cast<std::ptrdiff_t>(part.end * width));
        else posted.result = part, out_bytes = part.count() * width;
    }
    if (posted.result.count() == 0 && script.collective != Collective::reduce_scatter)
        posted.result = {0, script.elements};
    posted.weight = script.reduce == Reduce::avg ? choice.weight : 1.0f;
    posted.finite = choice.finite;
    posted.in_place = choice.in_place;
    posted.non_finite = choice.non_finite;
    posted.may_stop = script.gossips() && choice.budget > Duration{};
    posted.may_cancel = !heals && (choice.cancel_after || choice.budget > Duration{});
    posted.source = heals ? info_.donor_rank : UINT32_MAX;
    posted.at = c_.world.now();

    OpenOp op;
    op.script = script;
    const size_t element_bytes = dtype_bytes(script.dtype);
    op.in = std::make_unique<GuardedBuffer>(backwards(posted.given, script.tensors, element_bytes));
    if (!choice.in_place) op.out = std::make_unique<GuardedBuffer>(Bytes(out_bytes, std::byte{0x77}));
    PostOptions options;
    options.tag = script.tag;
    options.collective = script.collective;
    options.parts = script.parts;
    options.dtype = script.dtype;
    options.reduce = script.reduce;
    if (script.tensors.empty()) {
        options.in = op.in->bytes();
        options.out = op.result().bytes();
    } else {
        const auto ins = tensors_in(op.in->bytes(), script.tensors, element_bytes);
        const auto outs = tensors_in(op.result().bytes(), script.tensors, element_bytes);
        for (size_t t = 0; t < ins.size(); ++t) options.tensors.push_back({ins[t], outs[t]});
    }
    options.weight = posted.weight;
    options.uniform = script.uniform;
    options.min_contributors = script.min_contributors;
    options.grace = script.grace;
    options.plan = script.plan;
    options.source = posted.source;
    options.non_finite = choice.non_finite;
    options.codec = codec_of(script);
    options.reducer = reducer_of(script);
    options.gossip = script.gossip;
    if (script.gossip.partner)
        options.gossip.partner = script.partner_of(info_.rank, info_.participants.size());
    if (!heals) options.budget = choice.budget;
    c_.ops.posted(std::move(posted));
    c_.world.trace(c_.host.id(), "app posts t{}: {}{} of {} {}{}{}{}{}{}, weight {}", script.tag,
                   script.gossips()                              ? "gossip, "
                   : script.parts.empty()                        ? ""
                   : script.collective == Collective::all_gather ? "all_gather, "
                                                                 : "reduce_scatter, ",
                   reduce_name(script.reduce), script.elements, dtype_name(script.dtype),
                   script.tensors.empty() ? "" : fmt::format(" in {} tensors", script.tensors.size()),
                   script.codec.empty() ? "" : " as ", script.codec, script.uniform ? ", uniform" : "",
                   choice.in_place ? ", in place" : "", options.weight);
    open_.insert_or_assign(script.tag, std::move(op));
    const AppOp app = issue(What::op, script.tag, info_.round);
    engine_.post(app, info_.round, options, now);
    if (heals || !choice.cancel_after) return;
    later(*choice.cancel_after, [this, app](Instant then) {
        if (pending_.contains(app)) engine_.cancel(app, then);
    });
}

void App::op_done(const Pending& pending, const AppDone& done, Instant now) {
    OpenOp op = std::move(open_.at(pending.tag));
    open_.erase(pending.tag);
    const std::string what =
        fmt::format("the buffer of op r{}/t{} at {}", pending.round.value, pending.tag, short_name(member_));
    c_.world.trace(c_.host.id(), "op r{}/t{} ended with {} {}", pending.round.value, pending.tag,
                   code_name(done.code), done.detail);
    if (!op.in->guards_intact() || (op.out && !op.out->guards_intact()))
        return c_.world.violate(what + " was overrun");
    const auto as_one = [&](const GuardedBuffer& buffer) {
        return forwards(buffer.bytes(), op.script.tensors, dtype_bytes(op.script.dtype));
    };
    const Bytes result = as_one(op.result());
    c_.ops.completed(member_, pending.round, pending.tag, done, as_one(*op.in), result);
    // Parts of a reduce_scatter differ from peer to peer, as does what gossip comes to, so the state cannot
    // hold them.
    const bool gossips = op.script.gossips();
    const bool own = op.script.collective == Collective::reduce_scatter;
    const uint64_t hash = own ? 1 : hash_bytes(result, pending.tag) | 1;
    results_[pending.tag] = done.code == Code::OK && !gossips ? hash : 0;
    const bool own_part = done.code == Code::E_CANCELLED || done.code == Code::E_EXCLUDED;
    if (own_part && !gossips) poisoned_ = true;
    if (pending.tag == kHealTag && phase_ == Phase::running) {
        if (done.code != Code::OK) poisoned_ |= info_.heal_self;
        else if (info_.heal_self)
            std::copy_n(op.result().bytes().begin(), state_.bytes().size(),
                        std::as_writable_bytes(std::span(state_.words)).begin());
        else if (!std::equal(op.result().bytes().begin(), op.result().bytes().end(),
                             state_.bytes().begin())) {
            c_.world.violate(
                fmt::format("{} and the donor hold different states at the beginning of round {}",
                            short_name(member_), pending.round.value));
        }
    }
    policy_op_done(op.script, done, result, now);
    retire(std::move(op.in), what);
    if (op.out) retire(std::move(op.out), what);
    if (phase_ == Phase::running && open_.empty() && unposted_ == 0) finish_round(now);
}

void App::policy_op_done(const OpScript& script, const AppDone& done, ByteSpan result, Instant now) {
    if (phase_ != Phase::running) return;
    if (script.tag == kListsTag && done.code == Code::OK) policy_->observe(result);
    if (script.tag != kPolicyTag) return;
    const OpChoice choice = choice_of(c_.world.seed(), c_.plan.style, info_.round, script, member_);
    const Bytes own = contribution(script, choice);
    seen_ = policy_->list(done.code == Code::OK ? std::get_if<OpInfo>(&done.info) : nullptr, own, result);
    take_up(policy_->lists(), now);
}

void App::retire(std::unique_ptr<GuardedBuffer> buffer, const std::string& what) {
    buffer->scrap(mix64(boot_ ^ used_.size()));
    used_.push_back({std::move(buffer), what, c_.world.now()});
}

void App::check_buffers() {
    for (const Used& used : used_) {
        if (!used.buffer->intact()) c_.world.violate(used.what + " was written to after the op had ended");
    }
    std::erase_if(used_, [&](const Used& used) { return c_.world.now() - used.since > kBuffersWatchedFor; });
}

}  // namespace whim::sim
