// Goal: every rule of eviction holds on both sides of its edge, and the reason names what happened.
// Method: a table of cases over the pure functions; each row changes one thing.
#include "group/suspicion.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/limits.h"

namespace whim::group {
namespace {

using Kind = Verdict::Kind;
using wire::SuspectKind;

MemberId member(uint8_t n) {
    MemberId id;
    id.peer.bytes[0] = n;
    id.incarnation = {n};
    return id;
}

SuspectCase healthy() {
    SuspectCase c;
    c.member = member(9);
    c.others = 3;
    c.witness = true;
    c.suspect_after = milliseconds(2000);
    return c;
}

struct Row {
    const char* what;
    SuspectCase c;
    Kind expected;
    const char* reason_has;
};

SuspectCase with(const std::function<void(SuspectCase&)>& change) {
    SuspectCase c = healthy();
    change(c);
    return c;
}

std::vector<Row> rows() {
    const Opinion closed1{member(1), SuspectKind::closed}, closed2{member(2), SuspectKind::closed};
    const Opinion refused1{member(1), SuspectKind::refused}, silent1{member(1), SuspectKind::silent};
    return {
        {"nothing is wrong", healthy(), Kind::keep, ""},
        {"refused, but we reach it", with([&](auto& c) { c.opinions = {refused1}; }), Kind::keep, ""},
        {"refused and our link is down: at once", with([&](auto& c) {
             c.opinions = {refused1};
             c.link_down_for = Duration{};
         }),
         Kind::evict, "refuses"},
        {"closed here and to two others, not yet confirmed", with([&](auto& c) {
             c.opinions = {closed1, closed2};
             c.link_down_for = limits::kSuspectConfirm - milliseconds(1);
         }),
         Kind::keep, ""},
        {"closed here and to two others", with([&](auto& c) {
             c.opinions = {closed1, closed2};
             c.link_down_for = limits::kSuspectConfirm;
         }),
         Kind::evict, "are down"},
        {"closed here and to one of three", with([&](auto& c) {
             c.opinions = {closed1};
             c.link_down_for = milliseconds(1500);
         }),
         Kind::keep, ""},
        {"closed here and to the only other", with([&](auto& c) {
             c.others = 1;
             c.opinions = {closed1};
             c.link_down_for = limits::kSuspectConfirm;
         }),
         Kind::evict, "are down"},
        {"closed here only: a link may come back",
         with([&](auto& c) { c.link_down_for = c.link_silent_for = milliseconds(1500); }), Kind::keep, ""},
        {"silent, just not long enough", with([&](auto& c) {
             c.link_silent_for = milliseconds(1999);
             c.opinions = {silent1};
         }),
         Kind::keep, ""},
        {"silent here and to another: that one and others are asked", with([&](auto& c) {
             c.link_silent_for = milliseconds(2000);
             c.opinions = {silent1};
         }),
         Kind::probe, ""},
        {"silent here and to another, and a third one reaches it", with([&](auto& c) {
             c.link_silent_for = milliseconds(2600);
             c.opinions = {silent1};
             c.probing_for = milliseconds(600);
             c.probes_asked = 2;
             c.probes_unreachable = {member(1)};
             c.probes_reachable = {member(2)};
         }),
         Kind::keep, ""},
        {"one cannot reach it, another has not answered yet", with([&](auto& c) {
             c.link_silent_for = milliseconds(2100);
             c.probing_for = milliseconds(100);
             c.probes_asked = 2;
             c.probes_unreachable = {member(1)};
         }),
         Kind::keep, ""},
        {"one cannot reach it, another does not answer", with([&](auto& c) {
             c.link_silent_for = milliseconds(2500);
             c.probing_for = limits::kProbeWait;
             c.probes_asked = 2;
             c.probes_unreachable = {member(1)};
         }),
         Kind::evict, "asked about it"},
        {"silent here, nobody has said anything",
         with([&](auto& c) { c.link_silent_for = milliseconds(2000); }), Kind::probe, ""},
        {"probes not answered yet", with([&](auto& c) {
             c.link_silent_for = milliseconds(2300);
             c.probing_for = milliseconds(300);
         }),
         Kind::keep, ""},
        {"a probe reached it: only our path is broken", with([&](auto& c) {
             c.link_silent_for = milliseconds(9000);
             c.probing_for = milliseconds(600);
             c.probes_reachable = {member(1)};
             c.probes_unreachable = {member(2)};
         }),
         Kind::keep, ""},
        {"nobody asked can reach it", with([&](auto& c) {
             c.link_silent_for = milliseconds(2200);
             c.probing_for = milliseconds(200);
             c.probes_asked = 1;
             c.probes_unreachable = {member(1)};
         }),
         Kind::evict, "asked about it"},
        {"no probe answered, and patience is not over", with([&](auto& c) {
             c.link_silent_for = milliseconds(3900);
             c.probing_for = milliseconds(600);
         }),
         Kind::keep, ""},
        {"no probe answered, twice the patience", with([&](auto& c) {
             c.link_silent_for = milliseconds(4000);
             c.probing_for = milliseconds(600);
             c.probes_asked = 2;
         }),
         Kind::evict, "none of 2"},
        {"nobody at all is heard: our own network", with([&](auto& c) {
             c.link_silent_for = seconds(60);
             c.probing_for = seconds(50);
             c.witness = false;
         }),
         Kind::keep, ""},
        {"alone in the run, down for a while", with([&](auto& c) {
             c.others = 0;
             c.link_down_for = c.link_silent_for = milliseconds(2999);
         }),
         Kind::keep, ""},
        {"alone in the run, down for long", with([&](auto& c) {
             c.others = 0;
             c.link_down_for = c.link_silent_for = milliseconds(3000);
         }),
         Kind::evict, "no other member"},
        {"alone in the run, and our own network may be the cause", with([&](auto& c) {
             c.others = 0;
             c.link_down_for = c.link_silent_for = seconds(60);
             c.witness = false;
         }),
         Kind::keep, ""},
    };
}

TEST(Suspicion, EveryRuleOnBothSidesOfItsEdge) {
    for (const Row& row : rows()) {
        const Verdict verdict = decide_suspicion(row.c);
        EXPECT_EQ(verdict.kind, row.expected) << row.what << ": " << verdict.reason;
        EXPECT_NE(verdict.reason.find(row.reason_has), std::string::npos)
            << row.what << ": " << verdict.reason;
        EXPECT_EQ(verdict.kind == Kind::evict, !verdict.reason.empty()) << row.what;
        EXPECT_GT(verdict.recheck_in.value_or(Duration{1}).ns, 0) << row.what;
    }
}

TEST(Suspicion, APairThatCannotTalkLosesTheOneThatFewerReach) {
    PairCase c{member(1), member(2), 1, 1, milliseconds(4999)};
    EXPECT_FALSE(decide_pair(c).evict);
    EXPECT_EQ(decide_pair(c).recheck_in, milliseconds(1));
    c.broken_for = milliseconds(5000);
    EXPECT_EQ(decide_pair(c).evict, member(2)) << "a tie goes against the higher id";
    EXPECT_NE(decide_pair(c).reason.find("tie"), std::string::npos);
    c.cannot_reach_a = 3;
    EXPECT_EQ(decide_pair(c).evict, member(1));
    EXPECT_EQ(decide_pair(c).reason.find("tie"), std::string::npos);
    std::swap(c.a, c.b);
    c.cannot_reach_a = c.cannot_reach_b = 2;
    EXPECT_EQ(decide_pair(c).evict, member(2)) << "whoever reports it, the verdict is the same";
}

}  // namespace
}  // namespace whim::group
