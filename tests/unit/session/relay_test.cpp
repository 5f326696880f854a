// Goal: the relay forwards what was granted and nothing else, refuses what it cannot carry, and forgets
// nothing and keeps nothing when a circuit ends. Method: one relay by hand, no endpoint.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "names.h"
#include "transport/session/relay.h"

namespace whim::testing {
namespace {

constexpr uint32_t kWindow = 1000;

class RelayTest : public ::testing::Test {
protected:
    void open(uint64_t circuit, bool bulk = false) {
        relay.open(a, wire::CircuitOpen{circuit, a, b, bulk, 600}, kWindow);
    }
    void accept(uint64_t circuit) {
        relay.on(b, wire::CircuitAnswer{circuit, true, 600, ""});
        outbox.clear();
    }
    static wire::CircuitData data(uint64_t circuit, size_t bytes) {
        return {circuit, std::vector<uint8_t>(bytes, 7)};
    }
    void piece(const LinkKey& from, uint64_t circuit, uint64_t offset, size_t bytes) {
        const wire::CircuitHeader header{wire::kCircuitHeaderKind, circuit, offset};
        if (relay.takes(from, header, static_cast<uint32_t>(bytes)))
            relay.forward(from, header, std::make_shared<const Bytes>(bytes));
    }
    template <class T> const T* sent(const LinkKey& to) const {
        for (const CircuitFrame& frame : outbox) {
            const auto* message = std::get_if<wire::Message>(&frame.what);
            if (message && frame.to == to && std::holds_alternative<T>(*message))
                return &std::get<T>(*message);
        }
        return nullptr;
    }

    const LinkKey a{peer_id(1), {1}}, b{peer_id(2), {2}}, c{peer_id(3), {3}};
    std::string no;  // why b cannot be reached
    PieceStore pieces;
    std::vector<CircuitFrame> outbox;
    Relay relay{[this](const LinkKey& link) { return link == b ? no : "unknown"; }, limits::kCarriedBytesMax,
                pieces, outbox};
};

TEST_F(RelayTest, OpensForwardsGrantsAndCloses) {
    open(5);
    ASSERT_NE(sent<wire::CircuitOpen>(b), nullptr);
    EXPECT_EQ(sent<wire::CircuitOpen>(b)->window_bytes, 600u);
    relay.on(b, wire::CircuitAnswer{5, true, 5000, ""});
    ASSERT_NE(sent<wire::CircuitAnswer>(a), nullptr);
    EXPECT_EQ(sent<wire::CircuitAnswer>(a)->window_bytes, 600u) << "one window, the least of all";
    outbox.clear();
    relay.on(a, data(5, 600));
    EXPECT_NE(sent<wire::CircuitData>(b), nullptr);
    relay.on(b, wire::CircuitCredit{5, 600});
    EXPECT_EQ(sent<wire::CircuitCredit>(a)->taken, 600u);
    relay.on(b, data(5, 400));
    EXPECT_NE(sent<wire::CircuitData>(a), nullptr);
    relay.on(a, wire::CircuitClose{5, "done"});
    EXPECT_EQ(sent<wire::CircuitClose>(b)->detail, "done");
    EXPECT_EQ(relay.carried(), 0u);
}

TEST_F(RelayTest, RefusesWithTheReason) {
    no = "its link to b is down";
    open(1);
    EXPECT_EQ(sent<wire::CircuitAnswer>(a)->detail, no);
    outbox.clear();
    relay.open(a, wire::CircuitOpen{2, c, b, false, 1}, kWindow);  // not its own
    EXPECT_FALSE(sent<wire::CircuitAnswer>(a)->accepted);
    no.clear();
    outbox.clear();
    open(3), open(3);
    EXPECT_FALSE(sent<wire::CircuitAnswer>(a)->accepted) << "one circuit of a number";
    EXPECT_EQ(relay.counters().refused, 3u);
}

TEST_F(RelayTest, WhatIsCarriedIsBoundedAndNobodyGetsNothing) {
    const uint32_t window = 64u << 20;
    std::vector<uint32_t> windows;
    for (uint64_t i = 1; i <= limits::kCarriedCircuitsMax; ++i) {
        relay.open(a, wire::CircuitOpen{i, a, b, true, window}, window);
        windows.push_back(sent<wire::CircuitOpen>(b)->window_bytes);
        outbox.clear();
    }
    EXPECT_TRUE(std::is_sorted(windows.rbegin(), windows.rend())) << "who comes later gets no more";
    EXPECT_EQ(windows.front(), limits::kCarriedBytesMax / 32);
    EXPECT_EQ(windows.back(), limits::kCarriedBytesMax / (4ull * limits::kCarriedCircuitsMax));
    EXPECT_LE(2 * std::accumulate(windows.begin(), windows.end(), uint64_t{0}), limits::kCarriedBytesMax);
    relay.open(a, wire::CircuitOpen{9999, a, b, true, window}, window);
    EXPECT_EQ(sent<wire::CircuitAnswer>(a)->detail, "it carries as many circuits as it can");
    outbox.clear();
    relay.on(a, wire::CircuitClose{1, ""});
    relay.open(a, wire::CircuitOpen{10000, a, b, true, window}, window);
    EXPECT_GT(sent<wire::CircuitOpen>(b)->window_bytes, windows.back()) << "what was given back is there";
}

TEST_F(RelayTest, TheFarEndMayLowerTheWindowOfBothDirections) {
    open(5);
    relay.on(b, wire::CircuitAnswer{5, true, 100, ""});
    EXPECT_EQ(sent<wire::CircuitAnswer>(a)->window_bytes, 100u);
    relay.on(b, data(5, 100));
    EXPECT_EQ(relay.carried(), 1u);
    relay.on(b, data(5, 1));
    EXPECT_EQ(relay.carried(), 0u);
}

TEST_F(RelayTest, WhoSendsMoreThanWasGrantedLosesTheCircuit) {
    open(5), accept(5);
    relay.on(a, data(5, 600));
    relay.on(a, data(5, 1));
    EXPECT_NE(sent<wire::CircuitClose>(a), nullptr);
    EXPECT_NE(sent<wire::CircuitClose>(b), nullptr);
    EXPECT_EQ(relay.counters().overrun, 1u);

    open(6, true), accept(6);
    piece(a, 6, 300, 300);  // out of order is fine
    piece(a, 6, 0, 300);
    EXPECT_EQ(relay.carried(), 1u);
    piece(a, 6, 100, 200);  // but not the same bytes again
    EXPECT_EQ(relay.carried(), 0u);

    open(7, true), accept(7);
    piece(a, 7, UINT64_MAX - 10, 20);
    EXPECT_EQ(relay.carried(), 0u);

    open(8, true), accept(8);
    relay.on(b, wire::CircuitCredit{8, 1});  // of what was never sent
    EXPECT_EQ(relay.carried(), 0u);
}

TEST_F(RelayTest, NothingPassesBeforeItIsAccepted) {
    open(5);
    relay.on(a, data(5, 1));
    EXPECT_EQ(sent<wire::CircuitData>(b), nullptr);
    EXPECT_EQ(relay.carried(), 0u);
    open(6);
    relay.on(a, wire::CircuitAnswer{6, true, 10, ""});  // its opener cannot accept it
    relay.on(a, data(6, 1));
    EXPECT_EQ(sent<wire::CircuitData>(b), nullptr);
}

TEST_F(RelayTest, PiecesStayUntilTheFarEndHasThem) {
    open(5, true), accept(5);
    piece(a, 5, 0, 200);
    ASSERT_EQ(outbox.size(), 1u);
    const uint64_t cookie = std::get<BulkFrame>(outbox[0].what).cookie;
    ASSERT_TRUE(pieces.pin(cookie));
    pieces.unpin(cookie);
    ASSERT_TRUE(pieces.pin(cookie)) << "it may have to be written again";
    relay.on(b, wire::CircuitCredit{5, 200});
    EXPECT_FALSE(pieces.pin(cookie));
    pieces.unpin(cookie);

    piece(a, 5, 200, 100);
    const uint64_t second = std::get<BulkFrame>(outbox.back().what).cookie;
    relay.link_lost(a, "gone");
    EXPECT_FALSE(pieces.pin(second));
}

TEST_F(RelayTest, WhatIsTakenGoesWhateverTheOrder) {
    open(5, true), accept(5);
    for (const uint64_t at : {2u, 0u, 1u}) piece(a, 5, at * 100, 100);
    ASSERT_EQ(outbox.size(), 3u);
    const auto cookie = [&](size_t i) { return std::get<BulkFrame>(outbox[i].what).cookie; };
    const uint64_t third = cookie(0), first = cookie(1), second = cookie(2);
    relay.on(b, wire::CircuitCredit{5, 200});
    EXPECT_FALSE(pieces.pin(first));
    EXPECT_FALSE(pieces.pin(second));
    EXPECT_TRUE(pieces.pin(third));
}

TEST_F(RelayTest, CrumbsAreCountedToo) {
    Relay wide{[](const LinkKey&) { return ""; }, limits::kCarriedBytesMax, pieces, outbox};
    wide.open(a, wire::CircuitOpen{5, a, b, true, limits::kCircuitBulkWindowBytes}, 1u << 22);
    wide.on(b, wire::CircuitAnswer{5, true, limits::kCircuitBulkWindowBytes, ""});
    for (uint64_t at = 0; at <= limits::kCircuitPiecesMax; ++at) {
        outbox.clear();
        const wire::CircuitHeader header{wire::kCircuitHeaderKind, 5, at};
        if (wide.takes(a, header, 1)) wide.forward(a, header, std::make_shared<const Bytes>(1));
    }
    ASSERT_NE(sent<wire::CircuitClose>(a), nullptr);
    EXPECT_EQ(sent<wire::CircuitClose>(a)->detail, "too many pieces");
    EXPECT_NE(sent<wire::CircuitClose>(b), nullptr);
    EXPECT_EQ(wide.carried(), 0u);
}

TEST_F(RelayTest, ALostLinkEndsItsCircuitsAtBothEnds) {
    open(5), accept(5);
    open(6);
    relay.link_lost(c, "another link");
    EXPECT_EQ(relay.carried(), 2u);
    outbox.clear();
    relay.link_lost(b, "link lost");
    EXPECT_EQ(relay.carried(), 0u);
    EXPECT_EQ(sent<wire::CircuitClose>(a)->detail, "link lost");
    EXPECT_NE(sent<wire::CircuitClose>(b), nullptr) << "its session may go on";
    EXPECT_EQ(relay.counters().lost, 2u);
}

}  // namespace
}  // namespace whim::testing
