// When a larger send buffer is asked for: only where it becomes larger by that.
#include "transport/asio/send_buffer.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace whim {
namespace {

constexpr uint64_t kMiB = 1 << 20;

TEST(SendBuffer, IsAskedForWhereThatBringsMore) {
    EXPECT_EQ(worth_asking(8 * kMiB, 4 * kMiB), static_cast<int>(limits::kSendBufferBytes));
    EXPECT_FALSE(worth_asking(4 * kMiB, 4 * kMiB)) << "it would not grow any more, for nothing";
    EXPECT_FALSE(worth_asking(425'984, 4 * kMiB)) << "what Linux allows unless somebody has changed it";
    EXPECT_FALSE(worth_asking(8 * kMiB, 64 * kMiB)) << "the administrator has seen to it";
}

TEST(SendBuffer, IsLeftAloneWhereTheSystemDoesNotTell) {
    EXPECT_FALSE(worth_asking(8 * kMiB, std::nullopt));
    EXPECT_FALSE(worth_asking(0, 4 * kMiB));
}

TEST(SendBuffer, ReadsWhatTheSystemTells) {
    EXPECT_EQ(largest_of_three("4096\t16384\t4194304\n"), 4 * kMiB);
    for (const char* text : {"", "4096", "4096\t16384\n", "4096 x 4194304"})
        EXPECT_FALSE(largest_of_three(text)) << text;
}

}  // namespace
}  // namespace whim
