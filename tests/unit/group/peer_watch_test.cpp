// Goal: a silent peer is suspected after its path's usual silence and two seconds; opinions are reported when
// they change; nobody is blamed for our own sleep. Method: virtual time in steps of the watch interval.
#include "group/peer_watch.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "group_world.h"

namespace whim::group {
namespace {

using wire::SuspectKind;

const MemberId kPeer{peer_id(2), {2}};

struct Watch {
    PeerWatch watch;
    Instant now{1'000'000'000};

    Watch() {
        watch.configure(seconds(2));
        watch.set_members({kPeer}, now);
        EXPECT_FALSE(watch.link_up(kPeer, now));
    }
    // Heard every gap for a span; reports that came of it.
    std::vector<wire::SuspectReport> run(Duration span, std::optional<Duration> gap) {
        std::vector<wire::SuspectReport> all;
        const Instant end = now + span;
        Instant heard = now;
        while (now < end) {
            now = now + limits::kWatchInterval;
            while (gap && heard + *gap <= now) heard = heard + *gap;
            if (gap) watch.heard(kPeer, heard);
            for (const auto& r : watch.check(now)) all.push_back(r);
        }
        return all;
    }
};

TEST(PeerWatch, SuspectsAfterTwoSecondsOfSilenceOnAQuickPath) {
    Watch w;
    EXPECT_TRUE(w.run(seconds(10), milliseconds(200)).empty());
    EXPECT_TRUE(w.run(milliseconds(1750), std::nullopt).empty());
    const auto reports = w.run(milliseconds(500), std::nullopt);
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_EQ(reports[0].kind, static_cast<uint8_t>(SuspectKind::silent));
    EXPECT_TRUE(w.run(seconds(20), std::nullopt).empty()) << "said once";
    const auto cleared = w.run(milliseconds(250), milliseconds(50));
    ASSERT_EQ(cleared.size(), 1u);
    EXPECT_EQ(cleared[0].kind, static_cast<uint8_t>(SuspectKind::cleared));
}

TEST(PeerWatch, IsMorePatientOnAPathWithLongSilences) {
    Watch w;
    EXPECT_TRUE(w.run(seconds(60), milliseconds(1000)).empty());
    EXPECT_TRUE(w.run(milliseconds(3000), std::nullopt).empty());
    EXPECT_EQ(w.run(seconds(6), std::nullopt).size(), 1u) << "but not for ever";
}

TEST(PeerWatch, ADeadPeerTeachesNoPatience) {
    Watch w;
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(w.run(seconds(20), milliseconds(200)).empty() || i > 0);
        EXPECT_EQ(w.run(milliseconds(3500), std::nullopt).size(), 1u) << "death " << i;
    }
}

// What a repair takes is 3 (rtt + 200 ms).
TEST(PeerWatch, GivesAPathThatLostSegmentsTheTimeToRepairThem) {
    Watch w;
    w.run(seconds(5), milliseconds(200));
    w.watch.measured(kPeer, milliseconds(300), 1448, w.now);
    EXPECT_TRUE(w.run(seconds(5), milliseconds(200)).empty());
    EXPECT_TRUE(w.run(milliseconds(2250), std::nullopt).empty());
    EXPECT_TRUE(w.watch.answer({{1}, 1, kPeer}, w.now).reachable) << "asked by others, it says so as well";
    EXPECT_TRUE(w.run(milliseconds(1000), std::nullopt).empty());
    EXPECT_EQ(w.run(milliseconds(500), std::nullopt).size(), 1u) << "but no more than that";
}

TEST(PeerWatch, ForgetsLosses) {
    Watch w;
    w.watch.measured(kPeer, milliseconds(300), 1448, w.now);
    w.run(limits::kLossRemembered + seconds(1), milliseconds(200));
    w.watch.measured(kPeer, milliseconds(300), 1448, w.now);
    EXPECT_TRUE(w.run(milliseconds(1750), std::nullopt).empty());
    EXPECT_EQ(w.run(milliseconds(500), std::nullopt).size(), 1u);
}

TEST(PeerWatch, WhatIsSentAgainToADeadPeerIsNoLossOfItsPath) {
    Watch w;
    w.run(seconds(5), milliseconds(200));
    for (uint64_t bytes = 100; bytes <= 700; bytes += 100) {
        w.watch.measured(kPeer, milliseconds(300), bytes, w.now);
        EXPECT_TRUE(w.run(milliseconds(250), std::nullopt).empty());
    }
    EXPECT_EQ(w.run(milliseconds(500), std::nullopt).size(), 1u);
}

TEST(PeerWatch, OurOwnSleepIsNobodysSilence) {
    Watch w;
    w.run(seconds(5), milliseconds(200));
    w.now = w.now + seconds(30);
    w.watch.forgive(w.now);
    EXPECT_TRUE(w.watch.check(w.now).empty());
    EXPECT_TRUE(w.run(milliseconds(1750), std::nullopt).empty());
}

TEST(PeerWatch, ALinkThatNeverCameUpGetsTimeForItsFirstContact) {
    PeerWatch watch;
    Instant now{1'000'000'000};
    watch.set_members({kPeer}, now);
    EXPECT_TRUE(watch.check(now + limits::kFirstContact - milliseconds(1)).empty());
    EXPECT_EQ(watch.check(now + limits::kFirstContact).size(), 1u);
}

TEST(PeerWatch, ReportsOnlyChangesOfALinkThatIsDown) {
    Watch w;
    const auto closed = w.watch.link_down(kPeer, SuspectKind::closed, "reset", w.now);
    ASSERT_TRUE(closed);
    EXPECT_EQ(closed->detail, "reset");
    EXPECT_FALSE(w.watch.link_down(kPeer, SuspectKind::closed, "still", w.now));
    EXPECT_TRUE(w.watch.link_down(kPeer, SuspectKind::refused, "refused", w.now));
    EXPECT_FALSE(w.watch.link_down(kPeer, SuspectKind::closed, "", w.now)) << "gone is gone";
    ASSERT_EQ(w.watch.standing(w.now).size(), 1u);
    EXPECT_EQ(w.watch.standing(w.now)[0].kind, static_cast<uint8_t>(SuspectKind::refused));
    const auto cleared = w.watch.link_up(kPeer, w.now);
    ASSERT_TRUE(cleared);
    EXPECT_EQ(cleared->kind, static_cast<uint8_t>(SuspectKind::cleared));
    EXPECT_TRUE(w.watch.standing(w.now).empty());
    EXPECT_FALSE(w.watch.link_down({peer_id(9), {9}}, SuspectKind::closed, "", w.now)) << "not a member";
}

TEST(PeerWatch, AnswersProbesWithThePatienceOfThePath) {
    Watch w;
    EXPECT_TRUE(w.run(seconds(60), milliseconds(1000)).empty());
    const wire::ProbeRequest probe{{1}, 77, kPeer};
    EXPECT_TRUE(w.watch.answer(probe, w.now + milliseconds(1900)).reachable) << "silences are long here";
    EXPECT_FALSE(w.watch.answer(probe, w.now + seconds(6)).reachable);
}

TEST(PeerWatch, AnswersProbesFromWhatItHears) {
    Watch w;
    const wire::ProbeRequest probe{{1}, 77, kPeer};
    EXPECT_TRUE(w.watch.answer(probe, w.now).reachable);
    EXPECT_EQ(w.watch.answer(probe, w.now).nonce, 77u);
    EXPECT_FALSE(w.watch.answer(probe, w.now + milliseconds(1500)).reachable);
    EXPECT_EQ(w.watch.answer(probe, w.now + milliseconds(1500)).silent_ms, 1500u);
    w.watch.link_down(kPeer, SuspectKind::closed, "", w.now);
    EXPECT_FALSE(w.watch.answer(probe, w.now).reachable);
    EXPECT_FALSE(w.watch.answer({{1}, 78, {peer_id(9), {9}}}, w.now).reachable) << "unknown here";
}

}  // namespace
}  // namespace whim::group
