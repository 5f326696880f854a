// Hello and reply: who is there, which link session, and what arrived before the last strand was lost.
//
// The dialer's hello names its session by a nonce; the listener answers with its own. A session is only
// begun by a control strand; bulk strands name one that exists. Whoever lost a session says so, and both
// begin anew. Generations and session numbers rise, so that a delayed hello of the past is refused.
#include <algorithm>

#include "base/limits.h"
#include "transport/session/endpoint_impl.h"
#include "wire/version.h"

namespace whim {

struct Endpoint::Impl::Answer {
    HelloStatus status = HelloStatus::ok;
    std::string detail;
};

void Endpoint::Impl::greet(const StrandPtr& dialer) {
    Strand& strand = *dialer;
    if (strand.test) return greet_test(strand);
    Link& link = *strand.link;
    const bool needless = dialer == link.detour && link.control_up() && !silent(link);
    if (needless) return drop(dialer, Driver::tell);
    if (strand.index == 0 && !strand.via) {
        strand.asks = asks_first(link, strand);
        if (strand.asks) return greet_test(strand);
        lead_race(dialer);
    }
    let_go(strand.link, dialer);
    strand.generation = ++link.slots[strand.index].dialed_generation;
    const Hello hello{
        .version_min = kProtocolVersionMin,
        .version_max = kProtocolVersionMax,
        .run_name = config_.run_name,
        .from = config_.id,
        .from_instance = link.options.local_instance,
        .to_instance = link.key.incarnation,
        .is_coordinator = config_.is_coordinator,
        .index = strand.index,
        .bulk_strands = static_cast<uint8_t>(link.options.bulk_strands),
        .generation = strand.generation,
        .mine = link.mine,
        .theirs = link.theirs,
        .received = link.slots[strand.index].received,
    };
    put_hello(strand.pending, hello);
    wake(strand);
}

// Checks that need no link.
Endpoint::Impl::Answer Endpoint::Impl::judge_hello(const Strand& strand, const Hello& hello) const {
    if (hello.version_max < kProtocolVersionMin || hello.version_min > kProtocolVersionMax) {
        return {HelloStatus::version, "protocol versions " + std::to_string(hello.version_min) + ".." +
                                          std::to_string(hello.version_max) + " offered, " +
                                          std::to_string(kProtocolVersionMin) + ".." +
                                          std::to_string(kProtocolVersionMax) + " spoken here"};
    }
    if (hello.run_name != config_.run_name) {
        return {HelloStatus::rejected,
                "this is run '" + config_.run_name + "', not '" + hello.run_name + "'"};
    }
    if (hello.is_coordinator && config_.is_coordinator) {
        return {HelloStatus::rejected, "coordinators have no links to each other"};
    }
    if (strand.channel && strand.channel->remote_id() != hello.from) {
        return {HelloStatus::identity,
                "the hello names peer " + short_name(hello.from) + ", its key is another's"};
    }
    if (hello.from == config_.id) return {HelloStatus::rejected, "this is the dialler itself"};
    return {};
}

// Checks against the link it is for.
Endpoint::Impl::Answer Endpoint::Impl::judge_link(const Link& link, const Hello& hello) const {
    if (link.options.dial) return {HelloStatus::rejected, "this end dials the link"};
    if (hello.to_instance != link.options.local_instance) {
        return {HelloStatus::rejected, "incarnation " + std::to_string(hello.to_instance.value) +
                                           " is addressed, this is " +
                                           std::to_string(link.options.local_instance.value)};
    }
    if (link.options.expected && *link.options.expected != hello.from) {
        return {HelloStatus::identity, "peer " + short_name(*link.options.expected) +
                                           " is expected on this link, not " + short_name(hello.from)};
    }
    const bool known = link.theirs == hello.mine && link.theirs.known();
    if (hello.index > 0) {
        if (!known || hello.theirs != link.mine) return {HelloStatus::session_lost, "no such session"};
        if (!link.control_up()) return {HelloStatus::stale, "the control strand comes first"};
        if (hello.index > link.bulk_strands) return {HelloStatus::rejected, "more bulk strands than agreed"};
    } else {
        if (hello.theirs.known() && !(known && hello.theirs == link.mine))
            return {HelloStatus::session_lost, "no such session"};
        const bool older =
            !known && hello.mine.boot == link.theirs.boot && hello.mine.number < link.theirs.number;
        if (older) return {HelloStatus::stale, "a newer session was begun"};
    }
    static const Slot none;
    const Slot& slot = hello.index < link.slots.size() ? link.slots[hello.index] : none;
    if (known && hello.generation <= slot.generation)
        return {HelloStatus::stale, "a newer strand was dialled"};
    const bool possible = hello.index > 0 ? slot.sent.possible(hello.received)
                          : known         ? link.messages.possible(hello.received)
                                          : hello.received == 0;
    if (!possible) return {HelloStatus::rejected, "more was received than was sent"};
    return {};
}

void Endpoint::Impl::on_hello(const StrandPtr& strand, const Hello& hello) {
    const Answer answer = judge_hello(*strand, hello);
    if (answer.status != HelloStatus::ok || hello.test) return refuse(strand, answer.status, answer.detail);
    const LinkKey key{hello.from, hello.from_instance};
    if (!find_link(key)) {
        if (hello.index > 0) return refuse(strand, HelloStatus::session_lost, "no such session");
        const bool wanted = owner_.accept_link(key, now_);
        if (strand->state == StrandState::closed) return;
        if (!wanted && !find_link(key)) {
            strand->hello = hello;
            strand->state = StrandState::parked;
            return;
        }
        if (!find_link(key)) {
            LinkOptions options;
            options.dial = false;
            options.bulk_strands = 0;
            options.local_instance = hello.to_instance;
            open_link(key, std::move(options));
        }
    }
    attach_accepted(strand, find_link(key), hello);
}

void Endpoint::Impl::unpark(const LinkPtr& link) {
    link->unpark_due = false;
    std::vector<StrandPtr> waiting;
    for (const auto& [handle, strand] : strands_) {
        if (strand->state != StrandState::parked) continue;
        if (LinkKey{strand->hello->from, strand->hello->from_instance} == link->key)
            waiting.push_back(strand);
    }
    for (const StrandPtr& strand : waiting) {
        if (link->open && strand->state == StrandState::parked) attach_accepted(strand, link, *strand->hello);
    }
}

void Endpoint::Impl::attach_accepted(const StrandPtr& strand, const LinkPtr& link, const Hello& hello) {
    const Answer answer = judge_link(*link, hello);
    if (answer.status != HelloStatus::ok) return refuse(strand, answer.status, answer.detail);

    const bool begins = link->theirs != hello.mine;
    if (begins && link->theirs.known()) {
        end_session(link);
        if (link->open)
            tell_down(link, LinkDownKind::closed, strand->where + ": the other side began a new session");
        if (!link->open || strand->state == StrandState::closed) return;
    }
    if (begins) {
        link->mine = new_nonce();
        link->theirs = hello.mine;
        link->bulk_strands = std::min<uint32_t>(link->options.bulk_strands, hello.bulk_strands);
    }
    if (link->slots.size() <= hello.index) link->slots.resize(hello.index + 1u);
    Slot& slot = link->slots[hello.index];
    if (const StrandPtr old = slot.strand) {  // its end is news to us
        link->broken += !begins && old->via == strand->via;
        drop(old, Driver::tell);
    }
    if (!link->open || strand->state == StrandState::closed) return;
    settle(*link, hello.index, hello.received);  // judged possible
    strand->index = hello.index;
    strand->generation = hello.generation;
    strand->hello.reset();
    const HelloReply reply{
        .version = std::min(hello.version_max, kProtocolVersionMax),
        .from = config_.id,
        .bulk_strands = static_cast<uint8_t>(link->bulk_strands),
        .mine = link->mine,
        .theirs = hello.mine,
        .received = slot.received,
    };
    put_hello_reply(strand->pending, reply);
    attach(strand, link);
    if (hello.index > 0 || !link->open || strand->state == StrandState::closed) return;
    tell_up(link, begins ? LinkSession::fresh : LinkSession::resumed);
    tell_route(link);
}

void Endpoint::Impl::refuse(const StrandPtr& strand, HelloStatus status, std::string detail) {
    put_hello_reply(strand->pending,
                    HelloReply{.status = status, .detail = std::move(detail), .from = config_.id});
    strand->state = StrandState::draining;
    strand->deadline = now_ + limits::kDrainTimeout;
    wake(*strand);
}

void Endpoint::Impl::on_reply(const StrandPtr& strand, const HelloReply& reply) {
    if (strand->test) return on_test_reply(strand, reply);
    const LinkPtr link = strand->link;
    const auto failed = [&](LinkDownKind kind, const std::string& why) { lose(strand, kind, why); };
    const bool proved = !strand->channel || strand->channel->remote_id() == reply.from;
    if (!proved || (link->options.expected && *link->options.expected != reply.from))
        return failed(LinkDownKind::identity, "another peer answers, " + short_name(reply.from));
    switch (reply.status) {
        case HelloStatus::ok:
            if (strand->asks) return found(strand);
            break;
        case HelloStatus::rejected: return failed(LinkDownKind::rejected, reply.detail);
        case HelloStatus::identity: return failed(LinkDownKind::identity, reply.detail);
        case HelloStatus::version: return failed(LinkDownKind::version, reply.detail);
        case HelloStatus::stale: return failed(LinkDownKind::closed, reply.detail);
        case HelloStatus::session_lost: {
            if (strand->index > 0) return failed(LinkDownKind::closed, reply.detail);
            const bool had_begun = link->theirs.known();
            drop(strand, Driver::tell);
            break_link(link, LinkDownKind::closed, strand->where + ": the other side lost the session");
            if (!had_begun || !link->open) return;
            // It answers: nothing to wait for.
            if (link->dials_directly()) link->control().next_dial = now_;
            if (strand->via) link->next_detour = now_;
            return;
        }
    }
    if (reply.version < kProtocolVersionMin || reply.version > kProtocolVersionMax) {
        return failed(LinkDownKind::version,
                      "answered with protocol version " + std::to_string(reply.version));
    }
    const bool begins = !link->theirs.known();
    const bool same_session =
        reply.theirs == link->mine && reply.mine.known() && (begins || reply.mine == link->theirs);
    if (!same_session || (begins && strand->index > 0))
        return failed(LinkDownKind::protocol, "the reply is of another session");
    if (!settle(*link, strand->index, reply.received)) {
        drop(strand, Driver::tell);
        return break_link(link, LinkDownKind::protocol, strand->where + ": it received more than was sent");
    }
    if (begins) link->theirs = reply.mine;
    if (strand->index == 0) {
        link->bulk_strands = std::min<uint32_t>(link->options.bulk_strands, reply.bulk_strands);
        if (!strand->via) win_race(link, *strand);
    }
    attach(strand, link);
    if (strand->index > 0 || !link->open || strand->state == StrandState::closed) return;
    tell_up(link, begins ? LinkSession::fresh : LinkSession::resumed);
    tell_route(link);
}

// From here on the strand carries frames of its link.
void Endpoint::Impl::attach(const StrandPtr& strand, const LinkPtr& link) {
    Slot& slot = link->slots[strand->index];
    strand->link = link;
    strand->state = StrandState::attached;
    strand->attached_at = now_;
    slot.strand = strand;
    if (slot.dialing == strand) slot.dialing = nullptr;
    if (link->detour == strand) link->detour = nullptr;
    if (!strand->via) slot.unanswered = 0;
    slot.generation = strand->generation;
    link->stats.last_heard = now_;
    wake(*strand);
    if (strand->index > 0) return;

    link->control_lost_at.reset();
    link->next_probe.reset();
    if (const StrandPtr probe = link->probe) drop(probe, Driver::tell);
    link->heartbeat.next = now_;
    link->answered = now_;
    settle_route(link, strand->via);
    leave_other_routes(link, strand->via);
    if (!link->open || strand->state == StrandState::closed) return;
    link->losses_due.clear();
    link->control_lost_due = false;
    link->aside = 0;
    acknowledge_again(*link);
    for (uint8_t index = 1; index < link->slots.size(); ++index) {
        Slot& bulk = link->slots[index];
        if (bulk.strand) continue;
        if (bulk.generation > 0) link->losses_due.push_back(index);
        bulk.next_dial.reset();  // now, not after its pause
    }
    link->looked_at = now_;
    link->ran_dry = true;  // what was before says nothing about this connection
    if (link->bulk_strands == 0) return;
    fit_strands(*link);
    learn_path(*link);
}

}  // namespace whim
