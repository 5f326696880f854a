// Goal: what a writer writes a reader reads, and no input makes a reader go past its end or allocate for a
// length it has not checked. Method: a round trip of every kind, its bytes pinned; every truncation of a
// message; lengths and counts that lie.
#include "base/bytes.h"

#include <gtest/gtest.h>

#include <bit>

#include "base/prng.h"

namespace whim {
namespace {

Bytes bytes_of(std::initializer_list<int> values) {
    Bytes out;
    for (const int v : values) out.push_back(static_cast<std::byte>(v));
    return out;
}

Bytes sample_message() {
    Bytes out;
    ByteWriter writer(out);
    writer.u8(0x12);
    writer.u16(0x3456);
    writer.u32(0x789abcde);
    writer.u64(0x0123456789abcdefull);
    writer.f32(-1.5f);
    writer.text("whim");
    writer.blob(bytes_of({1, 2, 3}));
    writer.raw_u8(std::array<uint8_t, 2>{9, 8});
    return out;
}

// Reads sample_message() back; the values matter only when the reader is done().
void read_sample(ByteReader& reader, bool check) {
    const uint8_t a = reader.u8();
    const uint16_t b = reader.u16();
    const uint32_t c = reader.u32();
    const uint64_t d = reader.u64();
    const float e = reader.f32();
    const std::string text = reader.text(10);
    const Bytes blob = reader.blob(10);
    std::array<uint8_t, 2> raw = {};
    reader.raw_u8(raw);
    if (!check) return;
    EXPECT_EQ(a, 0x12);
    EXPECT_EQ(b, 0x3456);
    EXPECT_EQ(c, 0x789abcdeu);
    EXPECT_EQ(d, 0x0123456789abcdefull);
    EXPECT_EQ(e, -1.5f);
    EXPECT_EQ(text, "whim");
    EXPECT_EQ(blob, bytes_of({1, 2, 3}));
    EXPECT_EQ(raw, (std::array<uint8_t, 2>{9, 8}));
}

TEST(Bytes, LittleEndianOnEveryMachine) {
    EXPECT_EQ(sample_message(),
              bytes_of({0x12, 0x56, 0x34, 0xde, 0xbc, 0x9a, 0x78, 0xef, 0xcd, 0xab, 0x89, 0x67,
                        0x45, 0x23, 0x01, 0,    0,    0xc0, 0xbf, 4,    0,    0,    0,    'w',
                        'h',  'i',  'm',  3,    0,    0,    0,    1,    2,    3,    9,    8}));
}

TEST(Bytes, RoundTrip) {
    const Bytes message = sample_message();
    ByteReader reader(message);
    read_sample(reader, true);
    EXPECT_TRUE(reader.done());
}

TEST(Bytes, EveryTruncationFailsAndStaysFailed) {
    const Bytes message = sample_message();
    for (size_t length = 0; length < message.size(); ++length) {
        ByteReader reader(ByteSpan(message).first(length));
        read_sample(reader, false);
        EXPECT_FALSE(reader.ok()) << length;
        EXPECT_FALSE(reader.done());
        EXPECT_EQ(reader.remaining(), 0u);
        EXPECT_EQ(reader.u64(), 0u);
        EXPECT_TRUE(reader.raw(0).empty());
        EXPECT_FALSE(reader.ok());
    }
}

TEST(Bytes, BytesLeftOverAreOkButNotDone) {
    Bytes message = sample_message();
    message.push_back(std::byte{0});
    ByteReader reader(message);
    read_sample(reader, true);
    EXPECT_TRUE(reader.ok());
    EXPECT_FALSE(reader.done());
    EXPECT_EQ(reader.remaining(), 1u);
}

TEST(Bytes, LengthsAboveTheirLimitFailEvenWhenTheBytesAreThere) {
    Bytes message;
    ByteWriter(message).text("four");
    EXPECT_EQ(ByteReader(message).text(4), "four");
    ByteReader text(message), blob(message);
    EXPECT_EQ(text.text(3), "");
    EXPECT_FALSE(text.ok());
    EXPECT_TRUE(blob.blob(3).empty());
    EXPECT_FALSE(blob.ok());
}

TEST(Bytes, HugeLengthsFailWithoutAllocation) {
    const Bytes lie = bytes_of({0xff, 0xff, 0xff, 0xff, 1});
    ByteReader text(lie), blob(lie);
    EXPECT_EQ(text.text(SIZE_MAX), "");
    EXPECT_TRUE(blob.blob(SIZE_MAX).empty());
    EXPECT_FALSE(text.ok());
    EXPECT_FALSE(blob.ok());
}

TEST(Bytes, CountsMustFitWhatIsLeft) {
    const Bytes three_items = bytes_of({3, 0, 0, 0, 1, 1, 2, 2, 3, 3});
    ByteReader exact(three_items), too_long(three_items), over_limit(three_items);
    EXPECT_EQ(exact.count(3, 2), 3u);
    EXPECT_TRUE(exact.ok());
    EXPECT_EQ(too_long.count(3, 3), 0u);
    EXPECT_FALSE(too_long.ok());
    EXPECT_EQ(over_limit.count(2, 2), 0u);
    EXPECT_FALSE(over_limit.ok());
    const Bytes lie = bytes_of({0xff, 0xff, 0xff, 0xff});
    ByteReader overflow(lie);
    EXPECT_EQ(overflow.count(UINT32_MAX, UINT32_MAX), 0u);  // the product would overflow 32 bits
    EXPECT_FALSE(overflow.ok());
}

TEST(Bytes, RawIsAViewIntoTheInput) {
    const Bytes message = bytes_of({1, 2, 3});
    ByteReader reader(message);
    EXPECT_EQ(reader.raw(2).data(), message.data());
    EXPECT_EQ(reader.raw(2).size(), 0u);
    EXPECT_FALSE(reader.ok());
}

TEST(Bytes, ShortRawLeavesTheCallersBytesAlone) {
    std::array<uint8_t, 4> out = {7, 7, 7, 7};
    const Bytes message = bytes_of({1, 2});
    ByteReader reader(message);
    reader.raw_u8(out);
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(out, (std::array<uint8_t, 4>{7, 7, 7, 7}));
}

TEST(Bytes, FloatsKeepTheirBits) {
    for (const uint32_t bits : {0u, 0x80000000u, 1u, 0x7f800000u, 0x7fc12345u}) {
        Bytes message;
        ByteWriter(message).f32(std::bit_cast<float>(bits));
        EXPECT_EQ(std::bit_cast<uint32_t>(ByteReader(message).f32()), bits);
    }
}

// Random reads of random bytes: the sanitizers are the checkers, besides the accounting of remaining().
TEST(Bytes, RandomReadsStayInside) {
    Prng random(3);
    for (int trial = 0; trial < 2000; ++trial) {
        Bytes message(random.below(40));
        for (std::byte& b : message) b = static_cast<std::byte>(random.below(5));
        ByteReader reader(message);
        for (int step = 0; step < 10; ++step) {
            const size_t before = reader.remaining();
            switch (random.below(6)) {
                case 0: reader.u8(); break;
                case 1: reader.u64(); break;
                case 2: reader.text(8); break;
                case 3: reader.blob(8); break;
                case 4: reader.count(8, 2); break;
                default: reader.raw(random.below(6)); break;
            }
            ASSERT_LE(reader.remaining(), before);
            ASSERT_TRUE(reader.ok() || reader.remaining() == 0);
        }
    }
}

}  // namespace
}  // namespace whim
