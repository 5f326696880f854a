// Goal: every message survives encoding; nothing that is not exactly an encoding is accepted, at a bounded
// cost. Method: fill each type through its own field list with seeded chance; cut at every byte; flip bits;
// raise every count over its bound. What is accepted must encode to the very same bytes.
#include "wire/messages.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "message_fill.h"
#include "wire/archive.h"

namespace {

size_t g_allocated_bytes = 0;  // by everything since the test last set it to 0

}  // namespace

__attribute__((noinline)) void* operator new(size_t bytes) {
    g_allocated_bytes += bytes;
    if (void* memory = std::malloc(bytes)) return memory;
    throw std::bad_alloc();
}
__attribute__((noinline)) void operator delete(void* memory) noexcept { std::free(memory); }
__attribute__((noinline)) void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace whim::wire {
namespace {

// Offsets of every count in an encoding and the bound it must keep.
class CountFinder {
public:
    struct Count {
        size_t offset = 0;
        uint32_t bound = 0;
    };
    template <class T> void operator()(T& v) {
        if constexpr (requires { v.fields(*this); }) {
            v.fields(*this);
        } else if constexpr (std::is_same_v<T, MemberId>) {
            at_ += 40;
        } else if constexpr (std::is_same_v<T, OpId>) {
            at_ += 20;
        } else if constexpr (std::is_same_v<T, Address>) {
            text(v.host, limits::kAddressBytesMax), at_ += 2;
        } else if constexpr (std::is_same_v<T, bool> || std::is_enum_v<T>) {
            at_ += 1;
        } else {
            at_ += sizeof(T);  // numbers, strong ids, arrays of bytes
        }
    }
    void text(std::string& v, size_t bound) { count(static_cast<uint32_t>(bound)), at_ += v.size(); }
    void blob_u8(std::vector<uint8_t>& v, size_t bound) {
        count(static_cast<uint32_t>(bound)), at_ += v.size();
    }
    template <class T> void list(std::vector<T>& v, uint32_t bound, size_t) {
        count(bound);
        for (T& item : v) (*this)(item);
    }
    std::vector<Count> counts;
    size_t end() const { return at_; }

private:
    void count(uint32_t bound) { counts.push_back({at_, bound}), at_ += 4; }
    size_t at_ = 1;  // after the type
};

void write_u32(Bytes& bytes, size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::byte>(value >> (8 * i));
}

TEST(Message, SurvivesEncoding) {
    for (uint64_t seed = 1; seed <= 100; ++seed) {
        Prng prng(seed);
        Filler filler = random_filler(prng, 40);
        for (size_t type = 0; type < kMessageTypes; ++type) {
            const Message message = filled(type, filler);
            const Bytes bytes = encode(message);
            const Result<Message> read = decode(bytes);
            ASSERT_TRUE(read.ok()) << message_name(message) << ", seed " << seed << ": "
                                   << read.error().detail;
            ASSERT_EQ(read->index(), type);
            ASSERT_EQ(encode(*read), bytes) << message_name(message) << ", seed " << seed;
        }
    }
}

TEST(Message, ListsOfTheSmallestItemsAreAccepted) {
    for (size_t type = 0; type < kMessageTypes; ++type) {
        Filler filler = smallest_filler();
        const Message message = filled(type, filler);
        EXPECT_TRUE(decode(encode(message)).ok())
            << message_name(message) << ": a stated least size is too large";
    }
}

TEST(Message, NoCutAndNoExtraByteIsAccepted) {
    Prng prng(7);
    Filler filler = random_filler(prng, 6);
    for (size_t type = 0; type < kMessageTypes; ++type) {
        Bytes bytes = encode(filled(type, filler));
        for (size_t length = 0; length < bytes.size(); ++length) {
            ASSERT_FALSE(decode(ByteSpan(bytes).first(length)).ok())
                << "type " << type << " cut at " << length;
        }
        bytes.push_back(std::byte{0});
        ASSERT_FALSE(decode(bytes).ok()) << "type " << type << " with a byte too many";
    }
    EXPECT_FALSE(decode(Bytes{std::byte{kMessageTypes}}).ok());
    EXPECT_FALSE(decode(Bytes{std::byte{255}}).ok());
}

TEST(Message, WhatIsAcceptedAfterBitFlipsIsStillAnEncoding) {
    uint32_t accepted = 0, refused = 0;
    for (uint64_t seed = 1; seed <= 300; ++seed) {
        Prng prng(seed);
        Filler filler = random_filler(prng, 5);
        for (size_t type = 0; type < kMessageTypes; ++type) {
            Bytes bytes = encode(filled(type, filler));
            for (uint64_t flips = prng.between(1, 8); flips > 0; --flips) {
                bytes[prng.below(bytes.size())] ^= std::byte{1} << static_cast<int>(prng.below(8));
            }
            const Result<Message> read = decode(bytes);
            if (read.ok()) {
                ++accepted;
                ASSERT_EQ(encode(*read), bytes) << "seed " << seed << ", type " << type;
            } else {
                ++refused;
                ASSERT_EQ(read.error().code, Code::E_PROTOCOL);
            }
        }
    }
    EXPECT_GT(accepted, 100u);
    EXPECT_GT(refused, 100u);
}

TEST(Message, CountsOverTheirBoundsAreRefusedBeforeMemoryIsTaken) {
    for (size_t type = 0; type < kMessageTypes; ++type) {
        Filler filler = counting_filler();
        Message message = filled(type, filler);
        CountFinder finder;
        std::visit([&](auto& value) { value.fields(finder); }, message);
        const Bytes bytes = encode(message);
        ASSERT_EQ(finder.end(), bytes.size()) << message_name(message);
        for (const CountFinder::Count& count : finder.counts) {
            for (const uint32_t lie : {count.bound + 1, count.bound, uint32_t{0xffffffff}}) {
                Bytes spoilt = bytes;
                write_u32(spoilt, count.offset, lie);
                g_allocated_bytes = 0;
                const bool accepted = decode(spoilt).ok();
                EXPECT_FALSE(accepted) << message_name(message) << ": " << lie << " at " << count.offset;
                EXPECT_LT(g_allocated_bytes, 16 * bytes.size() + 4096)
                    << message_name(message) << " at " << count.offset;
            }
        }
    }
}

// A count of bound + 1 whose items are all there, so that only the bound itself refuses it.
TEST(Message, OneItemTooManyIsRefused) {
    OpAck ack;
    ack.chunks.resize(limits::kStatusRangesMax);
    EXPECT_TRUE(decode(encode(Message(ack))).ok());
    ack.chunks.emplace_back();
    EXPECT_FALSE(decode(encode(Message(ack))).ok());

    CommitVote vote;
    vote.vote.bytes.resize(limits::kCommitBytesMax);
    EXPECT_TRUE(decode(encode(Message(vote))).ok());
    vote.vote.bytes.emplace_back();
    EXPECT_FALSE(decode(encode(Message(vote))).ok());
}

TEST(Message, TextsAreCutToTheirBoundWhenWritten) {
    LeaveRequest leave;
    leave.reason.assign(limits::kReasonBytesMax + 100, 'x');
    const Result<Message> read = decode(encode(Message(leave)));
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(std::get<LeaveRequest>(*read).reason.size(), limits::kReasonBytesMax);
}

TEST(BulkHeader, KeepsItsPromisesToo) {
    for (uint64_t seed = 1; seed <= 200; ++seed) {
        Prng prng(seed);
        Filler filler = random_filler(prng, limits::kMembersMax / 8);
        BulkHeader header;
        header.fields(filler);
        header.kind %= 2;
        Bytes bytes = encode(header);
        ASSERT_LE(bytes.size(), limits::kBulkHeaderBytesMax);
        const Result<BulkHeader> read = decode_bulk_header(bytes);
        ASSERT_TRUE(read.ok());
        ASSERT_EQ(encode(*read), bytes);
        for (size_t length = 0; length < bytes.size(); ++length) {
            ASSERT_FALSE(decode_bulk_header(ByteSpan(bytes).first(length)).ok());
        }
        bytes[0] = std::byte{2};
        ASSERT_FALSE(decode_bulk_header(bytes).ok()) << "an unknown kind";
    }
}

TEST(RoundRecord, KeepsItsPromisesToo) {
    for (uint64_t seed = 1; seed <= 100; ++seed) {
        Prng prng(seed);
        Filler filler = random_filler(prng, 8);
        RoundRecord record;
        record.fields(filler);
        const Bytes bytes = encode_record(record);
        const Result<RoundRecord> read = decode_record(bytes);
        ASSERT_TRUE(read.ok());
        ASSERT_EQ(*read, record);
        for (size_t length = 0; length < bytes.size(); ++length) {
            ASSERT_FALSE(decode_record(ByteSpan(bytes).first(length)).ok());
        }
    }
}

}  // namespace
}  // namespace whim::wire
