// Goal: identifiers print as the documents say, compare by value and order, and do not mix.
// Method: hand-made ids beside their texts; type traits for what must not compile.
#include "base/ids.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace whim {
namespace {

PeerId peer_with(std::initializer_list<uint8_t> first) {
    PeerId id;
    std::copy(first.begin(), first.end(), id.bytes.begin());
    return id;
}

TEST(Ids, Texts) {
    const PeerId peer = peer_with({0x3f, 0x9a, 0x01, 0xbc, 0xff});
    EXPECT_EQ(short_name(peer), "3f9a01bc");
    EXPECT_EQ(to_hex(peer), "3f9a01bcff" + std::string(54, '0'));
    EXPECT_EQ(short_name(MemberId{peer, {4}}), "3f9a01bc#4");
    EXPECT_EQ(to_string(OpId{{12}, 7, 0}), "r12/t7");
    EXPECT_EQ(to_string(OpId{{12}, 7, 2}), "r12/t7.2");
    EXPECT_EQ(to_string(OpId{{UINT64_MAX}, UINT64_MAX, 0}), "r18446744073709551615/t18446744073709551615");
    Digest digest;
    digest.bytes[0] = 0xab;
    digest.bytes[15] = 0x01;
    EXPECT_EQ(to_hex(digest), "ab" + std::string(28, '0') + "01");
}

TEST(Ids, OrderIsByValueFieldByField) {
    EXPECT_LT(Epoch{1}, Epoch{2});
    EXPECT_EQ(Epoch{1}.next(), Epoch{2});
    EXPECT_LT(peer_with({1, 255}), peer_with({2, 0}));
    EXPECT_LT((MemberId{peer_with({1}), {9}}), (MemberId{peer_with({2}), {1}}));
    EXPECT_LT((MemberId{peer_with({1}), {1}}), (MemberId{peer_with({1}), {2}}));
    EXPECT_LT((OpId{{1}, 9, 9}), (OpId{{2}, 0, 0}));
    EXPECT_LT((OpId{{1}, 1, 9}), (OpId{{1}, 2, 0}));
    EXPECT_LT((OpId{{1}, 1, 0}), (OpId{{1}, 1, 1}));
}

TEST(Ids, ZeroIsNoPeer) {
    EXPECT_TRUE(PeerId{}.is_zero());
    EXPECT_FALSE(peer_with({0, 0, 1}).is_zero());
}

TEST(Ids, KindsDoNotMix) {
    static_assert(!std::is_convertible_v<Epoch, Round>);
    static_assert(!std::is_convertible_v<uint64_t, Epoch>);
    static_assert(!std::is_constructible_v<Rank, ChunkIndex>);
    static_assert(!std::is_assignable_v<Incarnation&, FencingToken>);
    EXPECT_EQ(sizeof(Rank), sizeof(uint32_t));
}

TEST(Ids, PairsOfATagAreKnownByWhoTheyAreAndHowOften) {
    OpId op{{12}, 7, pair_instance({3}, {0}, 0)};
    EXPECT_EQ(op.instance, pair_instance({0}, {3}, 0));
    EXPECT_TRUE(is_pair(op));
    EXPECT_EQ(use_of(op), 0u);
    EXPECT_EQ(to_string(op), "r12/t7 of ranks 0 and 3");
    op.instance = pair_instance({1022}, {1023}, 2047);
    EXPECT_EQ(use_of(op), 2047u);
    EXPECT_EQ(to_string(op), "r12/t7.2047 of ranks 1022 and 1023");
    EXPECT_FALSE(is_pair({{12}, 7, 2047}));
    EXPECT_EQ(use_of({{12}, 7, 2047}), 2047u);
}

}  // namespace
}  // namespace whim
