// Performing a coordinator's effects, in order, as far as it lives.
#include "tests/sim/coordinator_process.h"

#include "base/assert.h"
#include "base/limits.h"

namespace whim::sim {
namespace {

constexpr Duration kLostLinkKept = seconds(30);

}  // namespace

CoordinatorProcess::CoordinatorProcess(World& world, Network& network, Host& host, Store& store,
                                       const CoordinatorSetup& setup)
    : world_(world), host_(host), store_(store), port_(network, host), channels_(setup.id),
      endpoint_(
          {.id = setup.id, .run_name = setup.config.run, .seed = setup.endpoint_seed, .is_coordinator = true},
          setup.secure ? &channels_ : nullptr, *this, port_),
      token_(store.open()) {
    Result<group::Coordinator> restored =
        group::Coordinator::restore(setup.config, token_, store_.records(), host_.local(), outbox_);
    if (!restored.ok()) {
        world_.violate("the coordinator cannot read its own journal: " + restored.error().detail);
        doomed_ = true;
        return;
    }
    coordinator_.emplace(std::move(*restored));
    world_.trace(host_.id(), "coordinator starts with fencing token {}, {} records, round {} committed",
                 token_.value, store_.records().size(), coordinator_->committed().value);
}

void CoordinatorProcess::settle(Instant local) {
    while (!outbox_.empty() && !doomed_ && !halted_) {
        const group::CoordinatorOutbox effects = std::move(outbox_);
        outbox_.clear();
        for (const group::CoordinatorEffect& effect : effects) {
            const bool counts = !at_journal_ || std::holds_alternative<group::Journal>(effect);
            if (effects_left_ && counts && (*effects_left_)-- == 0) {
                // What was sent before is with the kernel and still leaves; nothing after it happens.
                world_.trace(host_.id(), "dies between two effects");
                halted_ = true;
                host_.step_after(microseconds(1), [this](Process&, Instant) { doomed_ = true; });
            }
            if (doomed_ || halted_) return;
            perform(effect, local);
        }
    }
}

void CoordinatorProcess::perform(const group::CoordinatorEffect& effect, Instant local) {
    if (const auto* journal = std::get_if<group::Journal>(&effect)) {
        if (store_.append(token_, journal->record)) return;
        world_.trace(host_.id(), "steps down: another coordinator leads");
        doomed_ = true;
    } else if (const auto* send = std::get_if<group::SendToPeer>(&effect)) {
        world_.trace(host_.id(), "to {}: {}", short_name(send->peer), wire::message_name(send->message));
        const auto* reply = std::get_if<wire::JoinReply>(&send->message);
        if (reply && reply->code == static_cast<int32_t>(Code::OK))
            closing_.erase({send->peer, {send->boot}});
        endpoint_.send_message({send->peer, {send->boot}}, wire::encode(send->message), local);
    } else if (const auto* drop = std::get_if<group::DropPeer>(&effect)) {
        // Closed after the refusal has had a moment to be read, unless its process is admitted meanwhile.
        const LinkKey key{drop->peer, {drop->boot}};
        const std::optional<LinkStats> stats = endpoint_.stats(key);
        if (stats && stats->up) closing_.try_emplace(key, local + limits::kLastWordsTime);
        else endpoint_.close_link(key, local);
    } else if (const auto* test = std::get_if<group::TestAddress>(&effect)) {
        endpoint_.test_address(test->test, test->to, local);
    } else if (const auto* end = std::get_if<group::EndTest>(&effect)) {
        endpoint_.end_test(end->test);
    } else {
        world_.trace(host_.id(), "decides: {}", std::get<group::LogLine>(effect).text);
    }
}

void CoordinatorProcess::address_answered(uint64_t test, const std::optional<PeerId>& who,
                                          const std::string& cause, Instant now) {
    world_.trace(host_.id(), "test {}: {}", test, who ? short_name(*who) + " answers" : cause);
    coordinator_->address_answered(test, who, cause, now, outbox_);
}

std::optional<Instant> CoordinatorProcess::deadline() const {
    if (!coordinator_) return std::nullopt;
    std::optional<Instant> at = earlier(endpoint_.deadline(), coordinator_->deadline());
    for (const auto& [key, when] : closing_) at = earlier(at, when);
    return at;
}

void CoordinatorProcess::on_deadline(Instant local) {
    endpoint_.on_deadline(local);
    for (const LinkKey& key : endpoint_.links()) {
        const std::optional<LinkStats> stats = endpoint_.stats(key);
        if (stats) coordinator_->peer_heard(key.peer, key.incarnation.value, stats->last_heard);
    }
    coordinator_->on_deadline(local, outbox_);
    drop_lost_links(local);
    close_refused_links(local);
}

void CoordinatorProcess::drop_lost_links(Instant local) {
    for (auto it = down_.begin(); it != down_.end();) {
        if (local - it->second < kLostLinkKept) {
            ++it;
            continue;
        }
        endpoint_.close_link(it->first, local);
        it = down_.erase(it);
    }
}

void CoordinatorProcess::close_refused_links(Instant local) {
    for (auto it = closing_.begin(); it != closing_.end();) {
        if (it->second > local) {
            ++it;
            continue;
        }
        const LinkKey key = it->first;
        it = closing_.erase(it);
        endpoint_.close_link(key, local);
        link_down(key, LinkDownKind::closed, "closed by the coordinator", local);
    }
}

bool CoordinatorProcess::accept_link(const LinkKey& from, Instant now) {
    LinkOptions options;
    options.dial = false;
    options.bulk_strands = 0;
    options.expected = from.peer;
    endpoint_.open_link(from, options, now);
    return true;
}

void CoordinatorProcess::link_up(const LinkKey& key, LinkSession session, Instant now) {
    world_.trace(host_.id(), "link to {} is up{}", short_name(key),
                 session == LinkSession::resumed ? " again" : "");
    down_.erase(key);
    coordinator_->link_up(key.peer, key.incarnation.value, now, outbox_);
}

void CoordinatorProcess::link_down(const LinkKey& key, LinkDownKind kind, const std::string& detail,
                                   Instant now) {
    world_.trace(host_.id(), "link to {} is down: {} {}", short_name(key), link_down_name(kind), detail);
    down_[key] = now;
    coordinator_->link_down(key.peer, key.incarnation.value,
                            std::string(link_down_name(kind)) + ": " + detail, now, outbox_);
}

void CoordinatorProcess::message(const LinkKey& from, ByteSpan bytes, Instant now) {
    const Result<wire::Message> decoded = wire::decode(bytes);
    if (!decoded.ok()) {
        world_.violate("a peer sent the coordinator what cannot be decoded: " + decoded.error().detail);
        return;
    }
    coordinator_->on_message(from.peer, from.incarnation.value, *decoded, now, outbox_);
}

}  // namespace whim::sim
