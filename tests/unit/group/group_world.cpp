// What happens in the world of group_world.h: calls into the two state machines, and their effects.
#include "group_world.h"

#include <algorithm>

#include "base/assert.h"

namespace whim::group {

World::World() { config.run = "test"; }
World::World(World&&) noexcept = default;
World::~World() = default;

void World::carry_out(uint8_t n, MemberOutbox& out) {
    for (MemberEffect& effect : out) {
        Peer& peer = peers[n];
        auto* send = std::get_if<SendToCoordinator>(&effect);
        if (send == nullptr) {
            if (on_effect) on_effect(n, effect);
            if (std::holds_alternative<InstallView>(effect)) link_members(n);
            peer.effects.push_back(std::move(effect));
            continue;
        }
        if (!coordinator || !peer.connected) continue;
        sent.push_back({n, send->message});
        CoordinatorOutbox reply;
        coordinator->on_message(peer.config.id, peer.boot, send->message, now, reply);
        perform(reply);
    }
}

void World::start_coordinator() {
    CoordinatorOutbox out;
    Result<Coordinator> restored = Coordinator::restore(config, {++fencing}, journal, now, out);
    WHIM_ASSERT(restored.ok());
    coordinator = std::make_unique<Coordinator>(std::move(*restored));
    perform(out);
    for (auto& [n, peer] : peers) {
        if (peer.member && !peer.connected && wants_link_.contains(n)) connect(n);
    }
}

void World::kill_coordinator() {
    coordinator.reset();
    for (auto& [n, peer] : peers) {
        if (peer.connected) disconnect(n, "coordinator died");
    }
}

Member& World::add(uint8_t n) {
    Peer& peer = peers[n];
    peer.config.id = peer_id(n);
    peer.config.run = "test";
    peer.config.name = "r" + std::to_string(n);
    peer.config.addresses = {{peer.config.name, 7000}};
    peer.boot += 100 + n;
    peer.member = std::make_unique<Member>(peer.config);
    connect(n);
    return *peer.member;
}

void World::connect(uint8_t n) {
    wants_link_.insert(n);
    if (!coordinator) return;
    Peer& peer = peers[n];
    peer.connected = true;
    CoordinatorOutbox out;
    coordinator->link_up(peer.config.id, peer.boot, now, out);
    perform(out);
    with(n, [&](MemberOutbox& o) { peer.member->coordinator_up(0, true, now, o); });
}

void World::disconnect(uint8_t n, const std::string& why) {
    Peer& peer = peers[n];
    peer.connected = false;
    if (coordinator) {
        CoordinatorOutbox out;
        coordinator->link_down(peer.config.id, peer.boot, why, now, out);
        perform(out);
    }
    if (peer.member) with(n, [&](MemberOutbox& o) { peer.member->coordinator_down(0, why, now, o); });
}

void World::kill(uint8_t n) {
    Peer& dead = peers[n];
    const MemberId id{dead.config.id, dead.member->incarnation()};
    wants_link_.erase(n);
    dead.member.reset();
    disconnect(n, "closed");
    for (auto& [other, peer] : peers) {
        if (!peer.member || peer.frozen) continue;
        with(other, [&](MemberOutbox& o) {
            peer.member->peer_link_down(id, wire::SuspectKind::closed, "reset", now, o);
        });
        with(other, [&](MemberOutbox& o) {
            peer.member->peer_link_down(id, wire::SuspectKind::refused, "refused", now, o);
        });
    }
}

void World::freeze(uint8_t n) { peers[n].frozen = true, frozen_at_[n] = now; }

void World::thaw(uint8_t n) {
    Peer& peer = peers[n];
    peer.frozen = false;
    while (!peer.inbox.empty()) {
        const wire::Message message = std::move(peer.inbox.front());
        peer.inbox.pop_front();
        with(n, [&](MemberOutbox& o) { peer.member->on_message(0, message, now, o); });
    }
}

void World::perform(const CoordinatorOutbox& out) {
    for (const CoordinatorEffect& effect : out) {
        if (const auto* record = std::get_if<Journal>(&effect)) journal.push_back(record->record);
        if (const auto* line = std::get_if<LogLine>(&effect)) {
            log.push_back(line->text);
            if (on_log) on_log(line->text);
        }
        if (const auto* test = std::get_if<TestAddress>(&effect)) tests_.push_back(*test);
        const auto* send = std::get_if<SendToPeer>(&effect);
        if (send == nullptr) continue;
        const uint8_t n = send->peer.bytes[0];
        const auto it = peers.find(n);
        if (it == peers.end() || !it->second.member || it->second.boot != send->boot || !it->second.connected)
            continue;
        pending_.push_back({n, send->message});
    }
    deliver();
    answer_tests();
}

void World::run(Duration span) {
    const Instant end = now + span;
    while (now < end) {
        now = now + milliseconds(10);
        for (auto& [n, peer] : peers) {
            if (!peer.member || peer.frozen) continue;
            for (auto& [other, from] : peers) {
                if (other == n || !from.member || from.frozen || is_cut(n, other)) continue;
                peer.member->peer_heard({from.config.id, from.member->incarnation()}, now);
            }
            if (coordinator && peer.connected && !is_cut(0, n))
                coordinator->peer_heard(peer.config.id, peer.boot, now);
        }
        for (auto& [n, peer] : peers) {
            if (!peer.member || peer.frozen || !peer.member->deadline() || *peer.member->deadline() > now)
                continue;
            with(n, [&](MemberOutbox& o) { peer.member->on_deadline(now, o); });
        }
        if (coordinator && !coordinator_frozen && coordinator->deadline() &&
            *coordinator->deadline() <= now) {
            CoordinatorOutbox out;
            coordinator->on_deadline(now, out);
            perform(out);
        }
    }
}

void World::join(uint8_t n) {
    with(n, [&](MemberOutbox& o) { peers[n].member->join(now, o); });
}

Status World::begin(uint8_t n, uint64_t state_round) {
    Status status;
    with(n, [&](MemberOutbox& o) { status = peers[n].member->round_begin({state_round}, now, o); });
    return status;
}

Status World::commit(uint8_t n, uint64_t round, uint8_t digest, bool diverged) {
    Status status;
    wire::Vote vote;
    vote.digest = digest_of(digest);
    with(n,
         [&](MemberOutbox& o) { status = peers[n].member->round_commit({round}, vote, diverged, now, o); });
    return status;
}

void World::found(uint8_t count) {
    start_coordinator();
    for (uint8_t n = 1; n <= count; ++n) add(n), join(n), WHIM_ASSERT(begin(n, 0).ok());
    run(milliseconds(1200));
}

void World::commit_all(uint64_t round) {
    for (auto& [n, peer] : peers)
        if (peer.member && peer.member->admitted()) WHIM_ASSERT(commit(n, round, 7).ok());
}

void World::deliver() {
    if (delivering_) return;
    delivering_ = true;
    while (!pending_.empty()) {
        const auto [n, message] = std::move(pending_.front());
        pending_.pop_front();
        Peer& peer = peers[n];
        if (!peer.member) continue;
        if (peer.frozen) {
            peer.inbox.push_back(message);
            continue;
        }
        with(n, [&](MemberOutbox& o) { peer.member->on_message(0, message, now, o); });
    }
    delivering_ = false;
}

void World::answer_tests() {
    while (!tests_.empty() && coordinator) {
        const TestAddress test = std::move(tests_.front());
        tests_.pop_front();
        const auto n = static_cast<uint8_t>(std::stoul(test.to.host.substr(1)));
        const auto closed = shut.find(n);
        if (closed != shut.end() && closed->second.empty()) continue;
        const auto other = stand_ins.find(n);
        CoordinatorOutbox out;
        coordinator->address_answered(
            test.test,
            closed != shut.end() ? std::nullopt
                                 : std::optional(peer_id(other == stand_ins.end() ? n : other->second)),
            closed != shut.end() ? closed->second : "", now, out);
        perform(out);
    }
}

void World::link_members(uint8_t n) {
    for (const wire::MemberInfo& m : peers[n].member->view().members) {
        const uint8_t other = m.id.peer.bytes[0];
        if (other == n || is_cut(n, other) || !peers[other].member) continue;
        if (!linked_.insert({n, m.id}).second) continue;
        with(n, [&](MemberOutbox& o) { peers[n].member->peer_link_up(m.id, now, o); });
    }
}
}  // namespace whim::group
