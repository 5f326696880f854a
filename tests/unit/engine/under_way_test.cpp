// Goal: what may be under way fits the path and stays within what all members together may fill, whatever
// their number.
#include "engine/under_way.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace whim {
namespace {

constexpr uint64_t kKiB = 1024, kMiB = 1024 * kKiB;

TEST(UnderWay, WindowsFitThePath) {
    const EngineConfig config;
    struct Row {
        size_t members;
        uint64_t near, far;
    };
    for (const Row& row :
         {Row{1, 4 * kMiB, 16 * kMiB}, Row{2, 4 * kMiB, 16 * kMiB}, Row{3, 4 * kMiB, 16 * kMiB},
          Row{5, 4 * kMiB, 8 * kMiB}, Row{65, 4 * kMiB, 512 * kKiB},
          Row{1024, 4 * kMiB, 256 * kKiB}}) {  // one chunk at least
        EXPECT_EQ(window_bytes(config, row.members, false), row.near) << row.members;
        EXPECT_EQ(window_bytes(config, row.members, true), row.far) << row.members;
    }
}

TEST(UnderWay, AWindowThatWasAskedForIsTaken) {
    EngineConfig config;
    config.window_bytes = 100'000;
    for (const bool far : {false, true}) EXPECT_EQ(window_bytes(config, 1024, far), 100'000u);
}

TEST(UnderWay, WhatIsSentAheadIsShared) {
    const EngineConfig config;
    struct Row {
        size_t members;
        uint64_t each;
    };
    for (const Row& row :
         {Row{1, 4 * kMiB}, Row{2, 4 * kMiB}, Row{5, 4 * kMiB}, Row{9, 2 * kMiB}, Row{257, 64 * kKiB},
          Row{1024, 64 * kKiB}})  // never less than any other op may send
        EXPECT_EQ(eager_large_bytes(config, row.members), row.each) << row.members;
}

TEST(UnderWay, AllMembersTogetherFillNoMoreThanTheTotals) {
    const EngineConfig config;
    for (size_t members = 2; members <= limits::kMembersMax; ++members) {
        const uint64_t others = members - 1, window = window_bytes(config, members, true);
        EXPECT_TRUE(window == config.chunk_bytes || window * others <= limits::kWindowBytesFarTotal)
            << members;
        const uint64_t eager = eager_large_bytes(config, members);
        EXPECT_TRUE(eager == config.eager_bytes || eager * others <= limits::kEagerBytesLargeTotal)
            << members;
    }
}

}  // namespace
}  // namespace whim
