// Goal: what the kernel says about a connection is read as what the session layer means. Method: records as
// the kernel fills them.
#include "transport/asio/tcp_info.h"

#include <gtest/gtest.h>
#include <linux/tcp.h>

#include <cstddef>

namespace whim {
namespace {

constexpr bool kLossBased = true;

tcp_info with_round_trips() {
    tcp_info info{};
    info.tcpi_rtt = 90'000;
    info.tcpi_min_rtt = 80'000;
    return info;
}

std::optional<PathSample> read(const tcp_info& info) { return path_sample(info, sizeof info, kLossBased); }

TEST(TcpInfo, BytesThatCameBeforeALostOneCount) {
    tcp_info info = with_round_trips();
    info.tcpi_bytes_acked = 1'000'000;
    info.tcpi_snd_mss = 1'448;
    EXPECT_EQ(read(info)->bytes_acked, 1'000'000u);
    info.tcpi_sacked = 10;
    EXPECT_EQ(read(info)->bytes_acked, 1'014'480u);
    // What was lost has come: the same bytes are now acknowledged in order, with it.
    info.tcpi_bytes_acked = 1'015'928;
    info.tcpi_sacked = 0;
    EXPECT_EQ(read(info)->acked_since(1'014'480), 1'448u);
}

TEST(TcpInfo, ALongPathsSelectiveBytesDoNotOverflow) {
    tcp_info info = with_round_trips();
    info.tcpi_sacked = 3'000'000;
    info.tcpi_snd_mss = 1'448;
    EXPECT_EQ(read(info)->bytes_acked, 4'344'000'000u);
}

TEST(TcpInfo, TheOtherFiguresAreReadToo) {
    tcp_info info = with_round_trips();
    info.tcpi_bytes_retrans = 3;
    info.tcpi_notsent_bytes = 4;
    info.tcpi_rwnd_limited = 5;
    info.tcpi_sndbuf_limited = 6;
    const auto sample = read(info);
    ASSERT_TRUE(sample);
    EXPECT_EQ(sample->rtt_smoothed, milliseconds(90));
    EXPECT_EQ(sample->rtt_min, milliseconds(80));
    EXPECT_EQ(sample->bytes_retransmitted, 3u);
    EXPECT_EQ(sample->bytes_unsent, 4u);
    EXPECT_EQ(sample->buffer_limited, microseconds(11));
    EXPECT_TRUE(sample->loss_limited);
    EXPECT_FALSE(path_sample(info, sizeof info, !kLossBased)->loss_limited);
}

TEST(TcpInfo, AWindowIsFullWhenNearlyAllThatItLetsIsUnderWay) {
    tcp_info info = with_round_trips();
    info.tcpi_snd_cwnd = 100;
    info.tcpi_unacked = 80;
    EXPECT_FALSE(read(info)->window_full);
    info.tcpi_unacked = 90;
    EXPECT_TRUE(read(info)->window_full);
    info.tcpi_sacked = 10;  // those have come, and those were lost
    info.tcpi_lost = 5;
    EXPECT_FALSE(read(info)->window_full);
    info.tcpi_unacked = 110;
    info.tcpi_retrans = 5;
    EXPECT_TRUE(read(info)->window_full);
}

TEST(TcpInfo, WithoutALeastRoundTripTheUsualOneIsTaken) {
    tcp_info info = with_round_trips();
    for (const uint32_t unknown : {0u, ~0u}) {
        info.tcpi_min_rtt = unknown;
        EXPECT_EQ(read(info)->rtt_min, milliseconds(90));
    }
}

TEST(TcpInfo, NothingIsSaidBeforeAnAnswerOrByAnOldSystem) {
    EXPECT_FALSE(read(tcp_info{}));
    const tcp_info info = with_round_trips();
    EXPECT_TRUE(path_sample(info, offsetof(tcp_info, tcpi_delivered), kLossBased));
    EXPECT_FALSE(path_sample(info, offsetof(tcp_info, tcpi_delivered) - 1, kLossBased));
}

}  // namespace
}  // namespace whim
