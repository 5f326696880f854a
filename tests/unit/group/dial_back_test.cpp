// Goal: what the tests of a newcomer's addresses come to, when they are over, and that a coordinator admits
// by it. Method: answers put straight into DialBack, and into a coordinator whose tests the test answers.
#include <gtest/gtest.h>

#include "group/coordinator.h"
#include "group/dial_back.h"
#include "group_world.h"

namespace whim::group {
namespace {

const std::vector<Address> kThree = {{"a", 1}, {"b", 2}, {"c", 3}};
constexpr Instant kStart{1'000'000'000};

TEST(DialBack, ThoseThatAnsweredComeFirstAndTheOthersGetAMoment) {
    DialBack test(kThree, {1, 2, 3}, kStart);
    EXPECT_EQ(test.until(), kStart + limits::kReachTestTime);
    test.answered(1, false, "connection refused", kStart);
    test.answered(3, true, "", kStart + milliseconds(10));
    EXPECT_EQ(test.until(), kStart + milliseconds(10) + limits::kReachTestSpare);
    EXPECT_EQ(test.unanswered(), std::vector<uint64_t>{2});
    const DialBack::Verdict v = test.verdict();
    EXPECT_TRUE(v.reached);
    EXPECT_EQ(v.order, (std::vector<Address>{{"c", 3}, {"a", 1}, {"b", 2}}));
    EXPECT_EQ(v.failures, "at a:1: connection refused; at b:2: no answer in 3 s (a firewall?)");
    test.answered(2, true, "", kStart + milliseconds(20));
    EXPECT_TRUE(test.over(kStart + milliseconds(20))) << "nothing is left to wait for";
    EXPECT_EQ(test.verdict().order, (std::vector<Address>{{"b", 2}, {"c", 3}, {"a", 1}}));
}

TEST(DialBack, AnAnswerCountsOnce) {
    DialBack test(kThree, {1, 2, 3}, kStart);
    EXPECT_TRUE(test.asks(1));
    test.answered(1, false, "connection refused", kStart);
    test.answered(1, true, "", kStart);
    EXPECT_FALSE(test.asks(1) || test.asks(9));
    EXPECT_FALSE(test.verdict().reached);
}

TEST(DialBack, WithoutAnAddressThereIsNothingToWaitFor) {
    DialBack test({}, {}, kStart);
    EXPECT_TRUE(test.over(kStart));
    EXPECT_FALSE(test.verdict().reached);
}

class Gate {
public:
    std::unique_ptr<Coordinator> coordinator;
    CoordinatorOutbox out;
    Instant now = kStart;

    explicit Gate(bool dial_back = true) {
        CoordinatorConfig config;
        config.run = "gpt";
        config.dial_back = dial_back;
        coordinator =
            std::make_unique<Coordinator>(std::move(Coordinator::restore(config, {1}, {}, now, out).value()));
        out.clear();
    }
    void ask(uint8_t peer, std::vector<Address> addresses, uint64_t fingerprint = 0) {
        wire::JoinRequest request;
        request.run = "gpt";
        request.addresses = std::move(addresses);
        request.fingerprint = fingerprint;
        coordinator->link_up(peer_id(peer), peer, now, out);
        coordinator->on_message(peer_id(peer), peer, request, now, out);
    }
    template <class T> std::vector<T> take() {
        std::vector<T> found;
        for (const CoordinatorEffect& e : out)
            if (const auto* t = std::get_if<T>(&e)) found.push_back(*t);
        out.clear();
        return found;
    }
    void answer(uint64_t test, std::optional<uint8_t> who) {
        coordinator->address_answered(test, who ? std::optional(peer_id(*who)) : std::nullopt,
                                      who ? "" : "connection refused", now, out);
    }
};

TEST(Arrivals, ThePeerItselfHasToAnswer) {
    Gate gate;
    gate.ask(1, {{"a", 1}, {"b", 1}});
    const auto tests = gate.take<TestAddress>();
    ASSERT_EQ(tests.size(), 2u);
    EXPECT_TRUE(gate.coordinator->members().empty()) << "it is not in before";
    gate.answer(tests[0].test, 2);
    gate.answer(tests[1].test, 1);
    const auto members = gate.coordinator->members();
    ASSERT_EQ(members.size(), 1u);
    EXPECT_FALSE(members[0].info.outbound_only);
    EXPECT_EQ(members[0].info.addresses, (std::vector<Address>{{"b", 1}, {"a", 1}}));
}

TEST(Arrivals, WhoeverSleptThroughTheTestsBeginsThemAnew) {
    Gate gate;
    gate.ask(1, {{"a", 1}});
    const uint64_t first = gate.take<TestAddress>().at(0).test;
    gate.now = gate.now + seconds(60);
    gate.answer(first, std::nullopt);
    EXPECT_TRUE(gate.coordinator->members().empty());
    EXPECT_EQ(gate.take<TestAddress>().size(), 1u);
}

TEST(Arrivals, WhoGoesAwayMeanwhileIsForgotten) {
    Gate gate;
    gate.ask(1, {{"a", 1}, {"b", 1}});
    const auto tests = gate.take<TestAddress>();
    gate.coordinator->link_down(peer_id(1), 1, "closed", gate.now, gate.out);
    EXPECT_EQ(gate.take<EndTest>().size(), 2u);
    gate.answer(tests[0].test, 1);
    EXPECT_TRUE(gate.coordinator->members().empty());
}

TEST(Arrivals, WhatAllMustHaveInCommonIsAskedAgainInTheEnd) {
    Gate gate;
    gate.ask(1, {{"a", 1}}, 11);
    gate.ask(2, {{"b", 1}}, 22);
    const auto tests = gate.take<TestAddress>();
    ASSERT_EQ(tests.size(), 2u) << "nobody is in yet, so both may found the run";
    gate.answer(tests[1].test, 2);
    gate.answer(tests[0].test, 1);
    ASSERT_EQ(gate.coordinator->members().size(), 1u);
    EXPECT_EQ(gate.coordinator->members()[0].info.id.peer, peer_id(2));
    EXPECT_EQ(gate.take<DropPeer>().size(), 1u);
}

TEST(Arrivals, BeyondTheBoundNobodyIsTestedAndAllAreIn) {
    Gate gate;
    const std::vector<Address> many(limits::kAddressesPerPeerMax, Address{"a", 1});
    const auto fit = static_cast<uint8_t>(limits::kReachTestsMax / many.size());
    for (uint8_t n = 1; n <= fit; ++n) gate.ask(n, many);
    EXPECT_EQ(gate.take<TestAddress>().size(), limits::kReachTestsMax);
    gate.ask(fit + 1, many);
    EXPECT_TRUE(gate.take<TestAddress>().empty());
    ASSERT_EQ(gate.coordinator->members().size(), 1u);
    EXPECT_FALSE(gate.coordinator->members()[0].info.outbound_only);
}

TEST(Arrivals, ACoordinatorThatMayNotDialTakesTheirWord) {
    Gate gate(false);
    gate.ask(1, {{"a", 1}});
    EXPECT_TRUE(gate.take<TestAddress>().empty());
    ASSERT_EQ(gate.coordinator->members().size(), 1u);
    EXPECT_FALSE(gate.coordinator->members()[0].info.outbound_only);
}

TEST(Arrivals, TheReasonFitsAndTheAdviceIsWhole) {
    Gate gate;
    gate.ask(1, std::vector<Address>(limits::kAddressesPerPeerMax,
                                     {std::string(limits::kAddressBytesMax, 'a'), 1}));
    for (const TestAddress& test : gate.take<TestAddress>()) gate.answer(test.test, std::nullopt);
    const auto members = gate.coordinator->members();
    ASSERT_EQ(members.size(), 1u);
    EXPECT_LE(members[0].unreached.size(), limits::kReasonBytesMax);
    EXPECT_TRUE(members[0].unreached.ends_with("or say outbound_only")) << members[0].unreached;
}

}  // namespace
}  // namespace whim::group
