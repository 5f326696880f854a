// Goal: a member obeys the highest fencing token only, keeps what was asked of it until it is answered,
// answers it once, and ends cleanly. Method: messages put straight into a Member; two coordinators where it
// matters.
#include "group/member.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <type_traits>

#include "group_world.h"
#include "wire/archive.h"

namespace whim::group {
namespace {

class One {
public:
    static MemberConfig config(uint32_t coordinators) {
        MemberConfig c;
        c.id = peer_id(1);
        c.run = "test";
        c.coordinators = coordinators;
        return c;
    }
    explicit One(uint32_t coordinators = 1) : member(config(coordinators)) {}

    Member member;
    MemberOutbox out;
    Instant now{1'000'000'000};

    MemberId self() const { return {peer_id(1), {4}}; }
    void hear(const wire::Message& m, uint32_t coordinator = 0) {
        member.on_message(coordinator, m, now, out);
    }
    wire::View view(uint64_t epoch, std::initializer_list<uint64_t> others = {}) const {
        wire::View v;
        v.epoch = {epoch};
        v.members.push_back({self(), "", "", {}});
        for (const uint64_t o : others)
            v.members.push_back({{peer_id(static_cast<uint8_t>(o)), {o}}, "", "", {}});
        return v;
    }
    wire::JoinReply welcome(uint64_t fencing, const wire::View& view = {}) const {
        wire::JoinReply r;
        r.fencing = {fencing};
        r.incarnation = self().incarnation;
        r.view = view;
        return r;
    }
    void enter(uint64_t fencing = 1) {
        member.coordinator_up(0, true, now, out);
        member.join(now, out);
        hear(welcome(fencing));
        begin(1, fencing);
        out.clear();
    }
    void begin(uint64_t round, uint64_t fencing) {
        ASSERT_TRUE(member.round_begin({}, now, out).ok());
        hear(start(round, fencing));
    }
    wire::RoundStart start(uint64_t round, uint64_t fencing) const {
        wire::RoundStart s;
        s.fencing = {fencing};
        s.round = {round};
        s.view = view(round);
        s.participants = {self()};
        return s;
    }
    wire::RoundOutcome outcome(uint64_t round, uint64_t fencing) const {
        wire::RoundOutcome o;
        o.fencing = {fencing};
        o.round = {round};
        o.committed = true;
        o.contributors = {self()};
        return o;
    }
    template <class T> std::vector<T> take() {
        std::vector<T> found;
        for (const MemberEffect& e : out) {
            if constexpr (requires(T t) { t.fields(std::declval<wire::Reader&>()); }) {
                const auto* send = std::get_if<SendToCoordinator>(&e);
                if (send != nullptr && std::holds_alternative<T>(send->message))
                    found.push_back(std::get<T>(send->message));
            } else if (const auto* t = std::get_if<T>(&e)) {
                found.push_back(*t);
            }
        }
        return found;
    }
};

TEST(Member, ObeysOnlyTheHighestFencingToken) {
    One one;
    one.enter(5);
    ASSERT_TRUE(one.member.round_commit({1}, {}, false, one.now, one.out).ok());
    one.hear(wire::ViewUpdate{{4}, one.view(9, {7})});
    one.hear(one.outcome(1, 4));
    one.hear(one.start(2, 4));
    EXPECT_TRUE(one.take<InstallView>().empty());
    EXPECT_TRUE(one.take<RoundEnded>().empty());
    one.hear(one.outcome(1, 6));
    EXPECT_EQ(one.take<RoundEnded>().size(), 1u);
    EXPECT_EQ(one.member.fencing(), FencingToken{6});
    one.hear(wire::ViewUpdate{{5}, one.view(9, {7})});
    EXPECT_TRUE(one.take<InstallView>().empty()) << "5 led before, and is over";
}

TEST(Member, FollowsTheLeaderFromOneCoordinatorToAnother) {
    One one(2);
    one.member.coordinator_up(0, true, one.now, one.out);
    one.member.coordinator_up(1, true, one.now, one.out);
    one.member.join(one.now, one.out);
    EXPECT_EQ(one.take<wire::JoinRequest>().size(), 2u) << "whoever leads answers";
    one.hear(one.welcome(3), 1);
    one.out.clear();
    ASSERT_TRUE(one.member.round_begin({}, one.now, one.out).ok());
    ASSERT_EQ(one.take<wire::RoundReady>().size(), 1u);
    EXPECT_EQ(std::get<SendToCoordinator>(one.out.back()).coordinator, 1u);

    one.out.clear();
    one.member.coordinator_down(1, "died", one.now, one.out);
    ASSERT_EQ(one.take<wire::JoinRequest>().size(), 1u) << "the other one is asked";
    EXPECT_EQ(one.take<wire::JoinRequest>()[0].incarnation, one.self().incarnation);
    one.out.clear();
    one.hear(one.welcome(4), 0);
    EXPECT_EQ(one.take<wire::RoundReady>().size(), 1u) << "and told what is pending";
    EXPECT_EQ(std::get<SendToCoordinator>(one.out.back()).coordinator, 0u);
}

TEST(Member, AFreshLinkHearsWhatIsPendingAndAResumedOneDoesNot) {
    One one;
    one.enter();
    ASSERT_TRUE(one.member.round_commit({1}, {}, false, one.now, one.out).ok());
    one.member.record(3, {1}, one.now, one.out);
    one.member.coordinator_down(0, "reset", one.now, one.out);
    one.out.clear();
    one.member.coordinator_up(0, false, one.now, one.out);
    EXPECT_TRUE(one.take<SendToCoordinator>().empty());
    EXPECT_TRUE(one.take<CoordinatorChanged>().at(0).connected);

    one.member.coordinator_down(0, "reset", one.now, one.out);
    one.out.clear();
    one.member.coordinator_up(0, true, one.now, one.out);
    ASSERT_EQ(one.take<SendToCoordinator>().size(), 1u) << "the introduction only, until it is answered";
    EXPECT_EQ(one.take<wire::JoinRequest>().at(0).incarnation, one.self().incarnation);
    one.hear(one.welcome(2, one.view(1)));
    EXPECT_EQ(one.take<wire::CommitVote>().size(), 1u);
    EXPECT_EQ(one.take<wire::RecordQuery>().size(), 1u);
    EXPECT_TRUE(one.take<JoinEnded>().empty()) << "joining was answered before";
}

TEST(Member, ThatItWasNotReachedIsToldBeforeItsJoinEnds) {
    One one;
    one.member.coordinator_up(0, true, one.now, one.out);
    one.member.join(one.now, one.out);
    one.out.clear();
    wire::JoinReply reply = one.welcome(1);
    reply.detail = "nobody listens there";
    one.hear(reply);
    const auto is = []<class T>(std::type_identity<T>) {
        return [](const MemberEffect& e) { return std::holds_alternative<T>(e); };
    };
    const auto told = std::ranges::find_if(one.out, is(std::type_identity<NotReached>{}));
    ASSERT_NE(told, one.out.end());
    EXPECT_EQ(std::get<NotReached>(*told).text, "nobody listens there");
    EXPECT_TRUE(std::any_of(told, one.out.end(), is(std::type_identity<JoinEnded>{})));
}

TEST(Member, AnswersComeOnce) {
    One one;
    one.enter();
    ASSERT_TRUE(one.member.round_commit({1}, {}, false, one.now, one.out).ok());
    for (int i = 0; i < 3; ++i) one.hear(one.outcome(1, 1));
    EXPECT_EQ(one.take<RoundEnded>().size(), 1u);
    ASSERT_TRUE(one.member.round_begin({1}, one.now, one.out).ok());
    for (int i = 0; i < 3; ++i) one.hear(one.start(2, 1));
    EXPECT_EQ(one.take<RoundBegan>().size(), 1u);
    for (int i = 0; i < 3; ++i) one.hear(wire::ViewUpdate{{1}, one.view(3)});
    EXPECT_EQ(one.take<InstallView>().size(), 2u) << "views 2 and 3, once each";
}

TEST(Member, ACommitAfterTheOutcomeIsAnsweredAtOnce) {
    One one;
    one.enter();
    wire::RoundOutcome without = one.outcome(1, 1);
    without.contributors = {{peer_id(9), {9}}};
    one.hear(without);
    one.out.clear();
    ASSERT_TRUE(one.member.round_commit({1}, {}, false, one.now, one.out).ok());
    ASSERT_EQ(one.take<RoundEnded>().size(), 1u);
    EXPECT_EQ(one.take<RoundEnded>()[0].mine.error().code, Code::E_EXCLUDED);
    EXPECT_TRUE(one.take<wire::CommitVote>().empty());
}

TEST(Member, ARoundThatBeganUnaskedBeginsWhenAsked) {
    One one;
    one.enter();
    one.hear(one.start(2, 1));
    EXPECT_TRUE(one.take<RoundBegan>().empty());
    ASSERT_TRUE(one.member.round_begin({1}, one.now, one.out).ok());
    ASSERT_EQ(one.take<RoundBegan>().size(), 1u);
    EXPECT_EQ(one.take<RoundBegan>()[0].start.round, Round{2});
    EXPECT_TRUE(one.take<wire::RoundReady>().empty());

    one.hear(one.start(3, 1));
    one.hear(one.outcome(3, 1));
    one.out.clear();
    ASSERT_TRUE(one.member.round_begin({2}, one.now, one.out).ok());
    EXPECT_TRUE(one.take<RoundBegan>().empty()) << "that round is over";
    EXPECT_EQ(one.take<wire::RoundReady>().size(), 1u);
}

TEST(Member, TheEvictedAnswerEverythingAndMayJoinAgain) {
    for (const bool by_view : {true, false}) {
        One one;
        one.enter();
        ASSERT_TRUE(one.member.round_commit({1}, {}, false, one.now, one.out).ok());
        ASSERT_TRUE(one.member.round_begin({1}, one.now, one.out).ok());
        one.member.record(3, {1}, one.now, one.out);
        one.out.clear();
        if (by_view) {
            wire::View without;
            without.epoch = {5};
            without.removed = {{one.self(), {5}, false, "silent"}};
            one.hear(wire::ViewUpdate{{1}, without});
        } else {
            wire::JoinReply reply = one.welcome(1);
            reply.code = static_cast<int32_t>(Code::E_EVICTED);
            reply.detail = "silent";
            one.hear(reply);
        }
        ASSERT_EQ(one.take<Evicted>().size(), 1u);
        EXPECT_EQ(one.take<Evicted>()[0].error.detail, "silent");
        EXPECT_EQ(one.take<RoundEnded>().at(0).mine.error().code, Code::E_EVICTED);
        EXPECT_FALSE(one.take<RoundEnded>().at(0).known) << "it may have been committed";
        EXPECT_EQ(one.take<RoundRefused>().at(0).error.code, Code::E_EVICTED);
        EXPECT_FALSE(one.take<RecordFound>().at(0).record);
        EXPECT_FALSE(one.member.admitted());

        one.out.clear();
        one.hear(one.start(2, 1));
        one.hear(one.welcome(1, one.view(7)));
        EXPECT_TRUE(one.out.empty()) << "nothing is for the incarnation that ended";
        one.member.join(one.now, one.out);
        EXPECT_EQ(one.take<wire::JoinRequest>().at(0).incarnation, Incarnation{});
        one.hear(one.welcome(1, one.view(7)));
        EXPECT_TRUE(one.take<JoinEnded>().empty()) << "an answer to the incarnation before";
        wire::JoinReply fresh = one.welcome(1);
        fresh.incarnation = {5};
        one.hear(fresh);
        EXPECT_EQ(one.take<JoinEnded>().size(), 1u);
        EXPECT_EQ(one.member.incarnation(), Incarnation{5});
    }
}

TEST(Member, ExclusionsAreAskedForUntilTheViewNamesThem) {
    One one;
    one.enter();
    one.hear(wire::ViewUpdate{{1}, one.view(2, {7, 8})});
    wire::OpExcludeRequest request;
    request.op = {{1}, 3, 0};
    request.members = {{peer_id(7), {7}}};
    one.out.clear();
    for (int i = 0; i < 3; ++i) one.member.exclude(request, one.now, one.out);
    EXPECT_EQ(one.take<wire::OpExcludeRequest>().size(), 1u) << "the same once";
    one.out.clear();
    one.hear(one.welcome(2, one.view(2, {7, 8})));
    EXPECT_EQ(one.take<wire::OpExcludeRequest>().size(), 1u) << "again to a coordinator that may not know";
    wire::View named = one.view(3, {7, 8});
    named.exclusions = {{request.op, request.members[0], {3}, ""}};
    one.hear(wire::ViewUpdate{{2}, named});
    one.out.clear();
    one.hear(one.welcome(3, named));
    EXPECT_TRUE(one.take<wire::OpExcludeRequest>().empty());
}

TEST(Member, AnOlderCoordinatorIsNotObeyedAndSaysSo) {
    One one;
    one.enter(5);
    one.hear(one.welcome(4));
    ASSERT_EQ(one.take<Waiting>().size(), 1u);
    EXPECT_NE(one.take<Waiting>()[0].text.find("older than 5"), std::string::npos);
}

TEST(Member, ForeignAndMisplacedMessagesDoNothing) {
    One one;
    one.enter();
    one.hear(wire::OpPost{});
    one.hear(wire::CommitVote{});
    one.hear(wire::RecordReply{99, false, {}});
    one.hear(one.start(2, 1), 17);
    EXPECT_TRUE(one.out.empty());
}

}  // namespace
}  // namespace whim::group
