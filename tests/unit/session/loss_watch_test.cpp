// What counts as random loss.
#include "transport/session/loss_watch.h"

#include <gtest/gtest.h>

namespace whim {
namespace {

struct Watched {
    LossWatch watch;
    Instant now{1};
    void look(uint64_t again, Duration queue = {}) {
        now = now + milliseconds(200);
        watch.look(again, milliseconds(80), queue, now);
    }
};

TEST(LossWatch, TakesLossesWithoutAQueueForRandom) {
    Watched path;
    path.look(0);
    for (int second = 0; second < 2; ++second) {
        for (int i = 0; i < 4; ++i) path.look(1448);
        path.look(0);
    }
    EXPECT_FALSE(path.watch.lossy()) << "two seconds are chance";
    path.look(2896);
    EXPECT_TRUE(path.watch.lossy());
}

TEST(LossWatch, SuspectsAfterOneLossAndForAWhile) {
    Watched path;
    path.look(0);
    EXPECT_FALSE(path.watch.suspected(path.now));
    path.look(1448, milliseconds(50));
    EXPECT_FALSE(path.watch.suspected(path.now)) << "a queue stood";
    path.look(0), path.look(0);
    path.look(1448);
    EXPECT_TRUE(path.watch.suspected(path.now + seconds(59)));
    EXPECT_FALSE(path.watch.suspected(path.now + seconds(61)));
    EXPECT_FALSE(path.watch.lossy());
}

TEST(LossWatch, LeavesAQueueThatOverflowsToCongestionControl) {
    Watched path;
    for (int i = 0; i < 100; ++i) {
        path.look(0, milliseconds(50));
        path.look(100'000, milliseconds(30));
        path.look(100'000);  // repaired when the queue is gone
        path.look(0);
    }
    EXPECT_FALSE(path.watch.lossy());
}

TEST(LossWatch, ForgetsWhatDoesNotComeAgain) {
    Watched path;
    path.look(0);
    for (int i = 0; i < 4; ++i) {
        path.look(1448);
        for (int k = 0; k < 60; ++k) path.look(0);
    }
    EXPECT_FALSE(path.watch.lossy()) << "one in twelve seconds";
    for (int i = 0; i < 15; ++i) path.look(1448);
    EXPECT_TRUE(path.watch.lossy());
    for (int k = 0; k < 1600; ++k) path.look(0);
    EXPECT_FALSE(path.watch.lossy()) << "five minutes without one";
}

}  // namespace
}  // namespace whim
