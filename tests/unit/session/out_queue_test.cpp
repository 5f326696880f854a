// Goal: what waits to be written is given out in order and freed soon after it is written, also when the
// queue never runs empty. Method: a queue with marked bytes and a driver that takes a little less than there
// is.
#include "transport/session/out_queue.h"

#include <gtest/gtest.h>

#include <array>

namespace whim {
namespace {

const auto kNoPins = [](const OutFrame&) { ADD_FAILURE() << "nothing was pinned"; };

TEST(OutQueue, FreesWhatIsWrittenThoughItNeverRunsEmpty) {
    OutQueue queue;
    uint8_t put = 0, got = 0;
    size_t most = 0;
    const auto append = [&](size_t bytes) {
        Bytes& tail = queue.tail();
        for (size_t i = 0; i < bytes; ++i) tail.push_back(static_cast<std::byte>(put++));
    };
    append(1000);
    for (int turn = 0; turn < 10'000; ++turn) {  // 10 MB in all
        append(1000);
        std::array<ByteSpan, 4> pieces;
        ASSERT_GT(queue.front(pieces), 0u);
        size_t left = 1000;
        for (size_t i = 0; i < pieces.size() && left > 0; ++i) {
            const ByteSpan part = pieces[i].first(std::min(left, pieces[i].size()));
            for (const std::byte byte : part) ASSERT_EQ(byte, static_cast<std::byte>(got++)) << turn;
            left -= part.size();
        }
        ASSERT_EQ(left, 0u);
        queue.consume(1000, kNoPins);
        ASSERT_EQ(queue.unwritten(), 1000u);
        most = std::max(most, queue.held());
    }
    EXPECT_LE(most, 2 * limits::kOutPieceBytes + 2000);
}

TEST(OutQueue, LetsGoOfAPayloadWhenItsLastByteIsWritten) {
    OutQueue queue;
    const Bytes payload(100, std::byte{7});
    const auto frame = std::make_shared<OutFrame>(BulkFrame{{}, 100, 5});
    queue.tail().resize(10);
    queue.push_payload(payload, frame, 3);
    queue.tail().resize(10);
    EXPECT_EQ(queue.first_pinned(), 3u);
    uint64_t unpinned = 0;
    const auto unpin = [&](const OutFrame& done) { unpinned = done.frame.cookie; };
    queue.consume(109, unpin);
    EXPECT_EQ(unpinned, 0u);
    queue.consume(1, unpin);
    EXPECT_EQ(unpinned, 5u);
    EXPECT_EQ(queue.first_pinned(), std::nullopt);
    EXPECT_EQ(queue.unwritten(), 10u);
}

}  // namespace
}  // namespace whim
