// Frames: what is encoded is decoded, however the stream is cut, and impossible lengths are refused at once.
#include "transport/session/frame.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/prng.h"
#include "transport/session/frame_reader.h"

namespace whim {
namespace {

Hello sample_hello() {
    Hello hello;
    hello.version_min = 1;
    hello.version_max = 3;
    hello.run_name = "run-7";
    hello.from.bytes.fill(9);
    hello.from_instance = {4};
    hello.to_instance = {5};
    hello.is_coordinator = true;
    hello.index = 3;
    hello.bulk_strands = 8;
    hello.generation = 77;
    hello.mine = {1, 2};
    hello.theirs = {3, 4};
    hello.received = 1ull << 40;
    return hello;
}

ByteSpan body_of(const Bytes& frame) { return ByteSpan(frame).subspan(kFramePrefixBytes); }

TEST(Frame, HelloAndReplyRoundTrip) {
    Bytes bytes;
    put_hello(bytes, sample_hello());
    const auto hello = decode_hello(body_of(bytes));
    ASSERT_TRUE(hello);
    EXPECT_EQ(hello->run_name, "run-7");
    EXPECT_EQ(hello->from, sample_hello().from);
    EXPECT_EQ(hello->from_instance.value, 4u);
    EXPECT_EQ(hello->to_instance.value, 5u);
    EXPECT_TRUE(hello->is_coordinator);
    EXPECT_EQ(hello->index, 3);
    EXPECT_EQ(hello->generation, 77u);
    EXPECT_EQ(hello->mine, (SessionNonce{1, 2}));
    EXPECT_EQ(hello->theirs, (SessionNonce{3, 4}));
    EXPECT_EQ(hello->received, 1ull << 40);

    bytes.clear();
    HelloReply reply;
    reply.status = HelloStatus::version;
    reply.detail = std::string(2000, 'x');  // cut to its limit
    reply.bulk_strands = 2;
    put_hello_reply(bytes, reply);
    const auto back = decode_hello_reply(body_of(bytes));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->status, HelloStatus::version);
    EXPECT_EQ(back->detail.size(), limits::kReasonBytesMax);
}

TEST(Frame, AHelloOfTheFutureMayBeLonger) {
    Bytes bytes;
    put_hello(bytes, sample_hello());
    bytes.push_back(std::byte{1});
    EXPECT_TRUE(decode_hello(body_of(bytes)));
}

TEST(Frame, EveryShorterHelloIsRefused) {
    Bytes bytes;
    put_hello(bytes, sample_hello());
    const ByteSpan body = body_of(bytes);
    for (size_t n = 0; n < body.size(); ++n) EXPECT_FALSE(decode_hello(body.first(n))) << n;
}

TEST(Frame, HellosThatMakeNoSenseAreRefused) {
    const auto refused = [](auto spoil) {
        Hello hello = sample_hello();
        spoil(hello);
        Bytes bytes;
        put_hello(bytes, hello);
        return !decode_hello(body_of(bytes));
    };
    EXPECT_TRUE(refused([](Hello& h) { h.mine = {}; }));
    EXPECT_TRUE(refused([](Hello& h) { h.generation = 0; }));
    EXPECT_TRUE(refused([](Hello& h) { h.index = limits::kStrandsPerLinkMax; }));
    EXPECT_TRUE(refused([](Hello& h) { h.version_min = 4; }));
    EXPECT_TRUE(refused([](Hello& h) { h.run_name = std::string(limits::kNameBytesMax + 1, 'r'); }));
    EXPECT_FALSE(refused([](Hello&) {}));
}

TEST(Frame, ANumberOfStrandsIsOneThatALinkCanHave) {
    for (uint32_t count = 1; count < limits::kStrandsPerLinkMax; ++count) {
        Bytes bytes;
        put_strands_wanted(bytes, count);
        EXPECT_EQ(decode_strands_wanted(body_of(bytes)), count);
    }
    for (const int count : {0, 33, 255}) {
        const Bytes body = {static_cast<std::byte>(count)};
        EXPECT_FALSE(decode_strands_wanted(body)) << count;
    }
    EXPECT_FALSE(decode_strands_wanted({}));
}

TEST(Frame, LengthsAreBoundedByType) {
    const auto fits = [](FrameType type, uint32_t header, uint32_t payload) {
        Bytes bytes;
        put_prefix(bytes, {type, static_cast<uint16_t>(header), payload});
        return decode_prefix(bytes).ok();
    };
    EXPECT_TRUE(fits(FrameType::message, 0, kMessageNumberBytes + limits::kMessageBytesMax));
    EXPECT_FALSE(fits(FrameType::message, 0, kMessageNumberBytes + limits::kMessageBytesMax + 1));
    EXPECT_FALSE(fits(FrameType::message, 0, kMessageNumberBytes - 1));
    EXPECT_FALSE(fits(FrameType::message, 1, 10));
    constexpr uint32_t kHeaderMax = kPartHeaderBytes + limits::kBulkHeaderBytesMax;
    EXPECT_TRUE(fits(FrameType::bulk, kHeaderMax, limits::kBulkPayloadBytesMax));
    EXPECT_FALSE(fits(FrameType::bulk, kHeaderMax + 1, 0));
    EXPECT_TRUE(fits(FrameType::bulk, kPartHeaderBytes, 0));
    EXPECT_FALSE(fits(FrameType::bulk, kPartHeaderBytes - 1, 0)) << "which part it is has to be said";
    EXPECT_FALSE(fits(FrameType::bulk, kPartHeaderBytes, limits::kBulkPayloadBytesMax + 1));
    EXPECT_FALSE(fits(FrameType::hello, 0, limits::kHelloBytesMax + 1));
    EXPECT_FALSE(fits(FrameType::ping, 0, 9));
    EXPECT_FALSE(fits(FrameType::ack, 0, 0xffffffff));
    EXPECT_FALSE(fits(FrameType::strands_wanted, 0, 2));
    EXPECT_FALSE(fits(static_cast<FrameType>(0), 0, 0));
    EXPECT_FALSE(fits(static_cast<FrameType>(10), 0, 0));
}

ByteSpan part_header_of(const Bytes& frame) { return body_of(frame).first(kPartHeaderBytes); }

TEST(Frame, APartSaysWhichItIs) {
    const Bytes owner_header(5, std::byte{7});
    Bytes bytes;
    put_part(bytes, {1ull << 40, 1000, 300}, owner_header, 700);
    const auto prefix = decode_prefix(bytes);
    ASSERT_TRUE(prefix.ok());
    EXPECT_EQ(prefix->type, FrameType::bulk);
    EXPECT_EQ(prefix->header_bytes, kPartHeaderBytes + 5);
    EXPECT_EQ(prefix->payload_bytes, 700u);
    EXPECT_EQ(bytes.size(), kFramePrefixBytes + prefix->header_bytes) << "the payload is not copied";
    const auto part = decode_part_header(body_of(bytes), prefix->payload_bytes);
    ASSERT_TRUE(part);
    EXPECT_EQ(part->number, 1ull << 40);
    EXPECT_EQ(part->frame_bytes, 1000u);
    EXPECT_EQ(part->offset, 300u);
    EXPECT_FALSE(part->given_up());
    EXPECT_TRUE(std::ranges::equal(body_of(bytes).subspan(kPartHeaderBytes), owner_header));
    for (size_t n = 0; n < kPartHeaderBytes; ++n)
        EXPECT_FALSE(decode_part_header(part_header_of(bytes).first(n), 700)) << n;
}

TEST(Frame, PartsThatCannotBeAreRefused) {
    const auto possible = [](const PartHeader& part, uint32_t payload) {
        Bytes bytes;
        put_part(bytes, part, {}, payload);
        return decode_part_header(part_header_of(bytes), payload).has_value();
    };
    constexpr uint32_t kGivenUp = PartHeader::kGivenUp, kMost = limits::kBulkPayloadBytesMax;
    EXPECT_TRUE(possible({1, 100, 0}, 100));
    EXPECT_TRUE(possible({1, 100, 99}, 1));
    EXPECT_TRUE(possible({UINT64_MAX, kMost, kMost - 1}, 1));
    EXPECT_FALSE(possible({0, 100, 0}, 100)) << "numbers begin at 1";
    EXPECT_FALSE(possible({1, kMost + 1, 0}, 1)) << "larger than a frame may be";
    EXPECT_FALSE(possible({1, 100, 99}, 2)) << "ends beyond";
    EXPECT_FALSE(possible({1, 100, 101}, 1)) << "begins beyond";
    EXPECT_FALSE(possible({1, 100, kGivenUp - 1}, 2)) << "ends beyond, and beyond 32 bits";
    EXPECT_FALSE(possible({1, 100, 0}, 0)) << "empty";
    EXPECT_FALSE(possible({1, 100, 100}, 0)) << "empty";
    EXPECT_TRUE(possible({1, 0, 0}, 0)) << "all of a frame without payload";
    EXPECT_FALSE(possible({1, 0, 1}, 0));
    EXPECT_TRUE(possible({1, 100, kGivenUp}, 0));
    EXPECT_TRUE(possible({1, 0, kGivenUp}, 0));
    EXPECT_FALSE(possible({1, 100, kGivenUp}, 1)) << "bytes of what does not come";
    EXPECT_FALSE(possible({0, 100, kGivenUp}, 0));
}

// Writes down what it is handed.
class Recorder final : public FrameReader::Handler {
public:
    bool on_frame(FrameType type, ByteSpan body) override {
        log += "frame " + std::to_string(static_cast<int>(type)) + " " +
               std::to_string(message_number(body)) + " " + text(body.subspan(kMessageNumberBytes)) + "\n";
        return true;
    }
    std::optional<MutableByteSpan> on_bulk(ByteSpan header, uint32_t payload_bytes) override {
        log += "bulk " + text(header.subspan(kPartHeaderBytes)) + " ";
        sink.assign(payload_bytes, std::byte{0});
        return discard ? MutableByteSpan() : MutableByteSpan(sink);
    }
    bool on_bulk_whole() override {
        log += text(sink) + "\n";
        return true;
    }
    static std::string text(ByteSpan bytes) {
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    std::string log;
    Bytes sink;
    bool discard = false;
};

Bytes sample_stream() {
    Bytes stream;
    const auto bytes_of = [](std::string_view s) { return std::as_bytes(std::span(s)); };
    put_message(stream, 1, bytes_of("first"));
    put_part(stream, {1, 11, 0}, bytes_of("head"), 11);
    ByteWriter(stream).raw(bytes_of("the payload"));
    put_message(stream, 2, {});
    put_part(stream, {2, 0, 0}, {}, 0);
    put_message(stream, 3, bytes_of(std::string(300, 'z')));
    return stream;
}

const std::string kSampleLog =
    "frame 3 1 first\nbulk head the payload\nframe 3 2 \nbulk  \nframe 3 3 " + std::string(300, 'z') + "\n";

TEST(FrameReader, GivesTheSameFramesHoweverTheStreamIsCut) {
    const Bytes stream = sample_stream();
    for (uint64_t seed = 0; seed < 500; ++seed) {
        Prng prng(seed);
        FrameReader reader;
        Recorder recorder;
        for (ByteSpan rest = stream; !rest.empty();) {
            const size_t cut = seed == 0 ? 1 : 1 + prng.below(40);
            if (!reader.direct().empty() &&
                prng.chance(1, 2)) {  // as a driver does with the payload's own memory
                const MutableByteSpan into = reader.direct();
                const size_t count = std::min({cut, rest.size(), into.size()});
                std::copy_n(rest.begin(), count, into.begin());
                rest = rest.subspan(count);
                reader.direct_arrived(count, recorder);
                continue;
            }
            const size_t count = std::min(cut, rest.size());
            ASSERT_TRUE(reader.consume(rest.first(count), recorder).ok());
            rest = rest.subspan(count);
        }
        ASSERT_EQ(recorder.log, kSampleLog) << "seed " << seed;
    }
}

TEST(FrameReader, DiscardsWithoutMemory) {
    FrameReader reader;
    Recorder recorder;
    recorder.discard = true;
    Bytes stream;
    put_part(stream, {1, 1000, 0}, {}, 1000);
    stream.resize(stream.size() + 1000);
    ASSERT_TRUE(reader.consume(stream, recorder).ok());
    EXPECT_TRUE(reader.direct().empty());
    EXPECT_FALSE(reader.in_payload());
}

TEST(FrameReader, StopsAtTheFirstImpossiblePrefix) {
    FrameReader reader;
    Recorder recorder;
    Bytes stream;
    put_message(stream, 2, {});
    put_prefix(stream, {FrameType::message, 0, 0x7fffffff});
    EXPECT_FALSE(reader.consume(stream, recorder).ok());
    EXPECT_EQ(recorder.log, "frame 3 2 \n");
}

}  // namespace
}  // namespace whim
