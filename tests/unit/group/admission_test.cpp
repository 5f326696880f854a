// Goal: who is let in, who is not and what they are told; incarnations are given once.
// Method: JoinRequests put straight into a coordinator; its effects are the answers.
#include <gtest/gtest.h>

#include "group/coordinator.h"
#include "group_world.h"

namespace whim::group {
namespace {

class Desk {
public:
    CoordinatorConfig config;
    std::unique_ptr<Coordinator> coordinator;
    CoordinatorOutbox out;
    std::vector<Bytes> journal;
    Instant now{1'000'000'000};

    Desk() {
        config.run = "gpt";
        config.admit = [](const PeerId&, const std::string& token) -> Status {
            if (token == "good") return {};
            return fail(Code::E_TOKEN, "bad token");
        };
        restart(1);
    }
    void restart(uint64_t fencing) {
        for (const CoordinatorEffect& e : out) {
            if (const auto* record = std::get_if<Journal>(&e)) journal.push_back(record->record);
        }
        out.clear();
        auto restored = Coordinator::restore(config, {fencing}, journal, now, out);
        WHIM_ASSERT(restored.ok());
        coordinator = std::make_unique<Coordinator>(std::move(*restored));
    }
    static wire::JoinRequest request() {
        wire::JoinRequest r;
        r.run = "gpt";
        r.token = "good";
        r.fingerprint = 11;
        r.arithmetic_version = 1;
        return r;
    }
    // The answer to a request; also keeps what else came of it in out.
    wire::JoinReply ask(uint8_t peer, uint64_t boot, const wire::JoinRequest& request) {
        const size_t before = out.size();
        coordinator->link_up(peer_id(peer), boot, now, out);
        coordinator->on_message(peer_id(peer), boot, request, now, out);
        std::optional<wire::JoinReply> reply;
        for (size_t i = before; i < out.size(); ++i) {
            const auto* send = std::get_if<SendToPeer>(&out[i]);
            if (send == nullptr || send->peer != peer_id(peer) || send->boot != boot) continue;
            if (const auto* r = std::get_if<wire::JoinReply>(&send->message)) reply = *r;
        }
        EXPECT_TRUE(reply) << "every request is answered";
        return reply.value_or(wire::JoinReply{});
    }
    bool dropped(uint8_t peer) const {
        return std::any_of(out.begin(), out.end(), [&](const CoordinatorEffect& e) {
            const auto* drop = std::get_if<DropPeer>(&e);
            return drop != nullptr && drop->peer == peer_id(peer);
        });
    }
};

constexpr auto kOk = static_cast<int32_t>(Code::OK);

TEST(Admission, OutboundOnlyIsToldToAllAndSurvivesARestart) {
    Desk desk;
    wire::JoinRequest request = Desk::request();
    request.outbound_only = true;
    const wire::JoinReply reply = desk.ask(1, 5, request);
    desk.coordinator->on_message(peer_id(1), 5, wire::RoundReady{}, desk.now, desk.out);
    desk.now = desk.now + seconds(5);
    desk.coordinator->on_deadline(desk.now, desk.out);
    desk.restart(2);
    ASSERT_EQ(desk.coordinator->members().size(), 1u);
    EXPECT_TRUE(desk.coordinator->members()[0].info.outbound_only);
    ASSERT_EQ(desk.coordinator->view().members.size(), 1u);
    EXPECT_EQ(desk.coordinator->view().members[0].id.incarnation, reply.incarnation);
    EXPECT_TRUE(desk.coordinator->view().members[0].outbound_only);
}

TEST(Admission, RefusalsNameBothSides) {
    Desk desk;
    ASSERT_EQ(desk.ask(1, 10, Desk::request()).code, kOk);
    struct Row {
        const char* what;
        std::function<void(wire::JoinRequest&)> spoil;
        Code code;
        std::vector<std::string> names;
    };
    const Row rows[] = {
        {"run", [](auto& r) { r.run = "vision"; }, Code::E_REFUSED, {"gpt", "vision"}},
        {"token", [](auto& r) { r.token = "x"; }, Code::E_TOKEN, {"bad token"}},
        {"arithmetic",
         [](auto& r) { r.arithmetic_version = 2; },
         Code::E_REFUSED,
         {"version 2", "version 1"}},
        {"fingerprint",
         [](auto& r) { r.fingerprint = 12; },
         Code::E_REFUSED,
         {"000000000000000c", "000000000000000b"}},
        {"fencing", [](auto& r) { r.fencing_seen = {9}; }, Code::E_REFUSED, {"token 1 ", "than 9"}},
    };
    uint8_t peer = 2;
    for (const Row& row : rows) {
        wire::JoinRequest request = Desk::request();
        row.spoil(request);
        const wire::JoinReply reply = desk.ask(peer, 20, request);
        EXPECT_EQ(reply.code, static_cast<int32_t>(row.code)) << row.what;
        EXPECT_EQ(reply.incarnation, Incarnation{}) << row.what;
        for (const std::string& name : row.names)
            EXPECT_NE(reply.detail.find(name), std::string::npos) << reply.detail;
        EXPECT_TRUE(desk.dropped(peer)) << row.what;
        ++peer;
    }
    EXPECT_EQ(desk.coordinator->members().size(), 1u);
}

TEST(Admission, ALostAnswerIsGivenAgain) {
    Desk desk;
    const wire::JoinReply first = desk.ask(1, 10, Desk::request());
    const wire::JoinReply again = desk.ask(1, 10, Desk::request());
    EXPECT_EQ(first.incarnation, Incarnation{1});
    EXPECT_EQ(again.incarnation, first.incarnation);
    desk.restart(2);
    EXPECT_EQ(desk.ask(1, 10, Desk::request()).incarnation, first.incarnation)
        << "the admission was journalled";
}

TEST(Admission, IncarnationsAreGivenOnceAcrossRestartsAndEvictions) {
    Desk desk;
    ASSERT_EQ(desk.ask(1, 10, Desk::request()).incarnation, Incarnation{1});
    ASSERT_EQ(desk.ask(1, 11, Desk::request()).incarnation, Incarnation{2})
        << "a new process of the same peer";
    EXPECT_EQ(desk.coordinator->members().size(), 1u) << "which replaces the old one at once";
    desk.restart(2);
    EXPECT_EQ(desk.ask(2, 20, Desk::request()).incarnation, Incarnation{3});

    wire::JoinRequest stale = Desk::request();
    stale.incarnation = {1};
    const wire::JoinReply told = desk.ask(1, 10, stale);
    EXPECT_EQ(told.code, static_cast<int32_t>(Code::E_EVICTED));
    EXPECT_EQ(told.incarnation, Incarnation{1}) << "so that a successor is not mistaken for it";
    EXPECT_NE(told.detail.find("restarted"), std::string::npos);

    wire::JoinRequest invented = Desk::request();
    invented.incarnation = {77};
    EXPECT_EQ(desk.ask(3, 30, invented).code, static_cast<int32_t>(Code::E_EVICTED));
    wire::JoinRequest stolen = Desk::request();
    stolen.incarnation = {2};
    EXPECT_EQ(desk.ask(1, 99, stolen).code, static_cast<int32_t>(Code::E_EVICTED))
        << "another process of that peer";
    EXPECT_EQ(desk.ask(4, 40, stolen).code, static_cast<int32_t>(Code::E_EVICTED))
        << "another peer's incarnation";
}

TEST(Admission, WhatTheRemovedSayIsNotHeard) {
    Desk desk;
    ASSERT_EQ(desk.ask(1, 10, Desk::request()).code, kOk);
    ASSERT_EQ(desk.ask(2, 20, Desk::request()).code, kOk);
    desk.coordinator->on_message(peer_id(1), 10, wire::RoundReady{}, desk.now, desk.out);
    desk.coordinator->evict({peer_id(1), {1}}, "by hand", desk.now, desk.out);
    const size_t before = desk.out.size();
    desk.coordinator->on_message(peer_id(1), 10, wire::RoundReady{}, desk.now, desk.out);
    desk.coordinator->on_message(peer_id(1), 10, wire::LeaveRequest{}, desk.now, desk.out);
    desk.coordinator->on_message(peer_id(9), 90, wire::RoundReady{}, desk.now, desk.out);
    EXPECT_EQ(desk.out.size(), before);
    for (const MemberStatus& m : desk.coordinator->members()) EXPECT_FALSE(m.ready);
}

TEST(Admission, MessagesOnlyPeersOrCoordinatorsSendAreIgnored) {
    Desk desk;
    ASSERT_EQ(desk.ask(1, 10, Desk::request()).code, kOk);
    const size_t before = desk.out.size();
    for (const wire::Message& m :
         {wire::Message(wire::ViewUpdate{}), wire::Message(wire::RoundStart{}), wire::Message(wire::OpPost{}),
          wire::Message(wire::RoundOutcome{}), wire::Message(wire::JoinReply{})}) {
        desk.coordinator->on_message(peer_id(1), 10, m, desk.now, desk.out);
    }
    EXPECT_EQ(desk.out.size(), before);
}

TEST(Admission, AWaitingProcessThatGoesAwayIsForgotten) {
    Desk desk;
    ASSERT_EQ(desk.ask(1, 10, Desk::request()).code, kOk);
    desk.coordinator->link_down(peer_id(1), 10, "closed", desk.now, desk.out);
    desk.now = desk.now + milliseconds(2999);
    desk.coordinator->on_deadline(desk.now, desk.out);
    EXPECT_EQ(desk.coordinator->members().size(), 1u);
    desk.now = desk.now + milliseconds(1);
    desk.coordinator->on_deadline(desk.now, desk.out);
    EXPECT_TRUE(desk.coordinator->members().empty());
    EXPECT_TRUE(desk.coordinator->view().removed.empty()) << "it was in no view";
}

}  // namespace
}  // namespace whim::group
