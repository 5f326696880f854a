// Goal: a codec of the application works wherever one of the library does, and what it does wrong is seen at
// once, harms nothing beside it and is told as its own fault. Method: a good one, and versions of it that
// break one rule each.
#include "collectives/codec/custom_codec.h"

#include "base/limits.h"
#include "collectives/codec/zstd_codec.h"
#include "tests/unit/codec/cases.h"
#include "tests/unit/codec/custom_parts.h"

namespace whim {
namespace {

using namespace test;

// The bytes of encode, or why there are none.
Result<Bytes> bytes_of(const Codec& codec, std::span<const float> values, float divisor = 1) {
    Bytes out(codec.encoded_bytes_max(values.size()));
    const auto bytes = codec.encode({.values = values, .divisor = divisor}, out);
    if (!bytes.ok()) return bytes.error();
    out.resize(*bytes);
    return out;
}

void expect_broken(const CodecParts& parts, const std::string& how) {
    const CustomCodec codec(parts);
    const std::vector<float> values(40, 1.5f);
    std::vector<float> out(40, 77);
    const Result<Bytes> bytes = bytes_of(codec, values);
    const Status status = bytes.ok() ? codec.decode(*bytes, out) : Status(bytes.error());
    ASSERT_FALSE(status.ok()) << how;
    EXPECT_EQ(status.error().code, Code::E_BROKEN_CONTRACT);
    EXPECT_NE(status.error().detail.find(how), std::string::npos) << status.error().detail;
    EXPECT_EQ(out, std::vector<float>(40, 77));
}

TEST(CustomCodec, GoesThereAndBack) {
    const CodecPtr codec = custom_codec();
    for (const size_t count : kCounts) {
        const auto values = make_values(Data::ordinary, count, codec->magnitude_max(), count);
        const Bytes bytes = encoded(*codec, {.values = values});
        EXPECT_EQ(bytes.size(), custom_bytes(count));
        const auto out = decoded(*codec, bytes, count);
        for (size_t i = 0; i < count; ++i) ASSERT_NEAR(out[i], values[i], 0.01);
        std::vector<float> acc(count, 1.0f);
        ASSERT_TRUE(codec->accumulate(bytes, 2.0f, acc).ok());
        for (size_t i = 0; i < count; ++i) ASSERT_EQ(acc[i], 1.0f + 2.0f * out[i]);
        EXPECT_EQ(codec->check(bytes, count).ok(), true);
        EXPECT_FALSE(codec->check(bytes, count + 1).ok());
    }
}

TEST(CustomCodec, AMeanIsDividedBeforeItIsEncoded) {
    const CodecPtr codec = custom_codec();
    const std::vector<float> sums = {3, 6, -9}, mean = {1, 2, -3};
    EXPECT_EQ(*bytes_of(*codec, sums, 3), *bytes_of(*codec, mean));
}

TEST(CustomCodec, InTheTextOfOps) {
    CodecParts parts = custom_parts();
    parts.parameters = "v=2";
    const CustomCodecs known = {{"test-bytes", std::make_shared<CustomCodec>(parts)}};
    for (const char* text : {"test-bytes", "test-bytes:v=2"})
        EXPECT_EQ((*parse_codec(text, known))->text(), "test-bytes:v=2");
    const CodecPtr packed = *parse_codec("test-bytes+zstd:level=3", known);
    EXPECT_EQ(packed->text(), "test-bytes:v=2+zstd:level=3");
    const auto values = make_values(Data::constant, 1000, 1000, 3);
    const Bytes bytes = encoded(*packed, {.values = values});
    EXPECT_LT(bytes.size(), custom_bytes(1000));
    EXPECT_EQ(bits_of(decoded(*packed, bytes, 1000)),
              bits_of(decoded(*custom_codec(), encoded(*custom_codec(), {.values = values}), 1000)));
    EXPECT_EQ(parse_codec("test-bytes:v=3", known).error().code, Code::E_MISMATCH);
    EXPECT_EQ(parse_codec("test-byte", known).error().code, Code::E_MISMATCH);
    EXPECT_EQ(parse_codec("testbytes", known).error().code, Code::E_INVALID);
    EXPECT_EQ(parse_codec("test-", known).error().code, Code::E_INVALID);
}

TEST(CustomCodec, WhatEncodeDoesWrong) {
    CodecParts parts = custom_parts();
    parts.encode = [](const Values& in, MutableByteSpan out) {
        const auto bytes = custom_encode(in, out);
        out.data()[out.size()] = std::byte{1};
        return bytes;
    };
    expect_broken(parts, "encode of 40 elements wrote beyond its 52 bytes");
    parts.encode = [](const Values& in, MutableByteSpan) { return custom_bytes(in.values.size()) + 1; };
    expect_broken(parts, "says 53 bytes, bytes_max said 52");
    parts.encode = [](const Values&, MutableByteSpan) -> std::optional<size_t> { return std::nullopt; };
    expect_broken(parts, "encode of 40 elements failed");
}

TEST(CustomCodec, BoundsThatAreNone) {
    CodecParts parts = custom_parts();
    auto calls = std::make_shared<size_t>(0);
    parts.bytes_max = [calls](size_t count) { return custom_bytes(count) + ++*calls; };
    expect_broken(parts, "than it was");
    parts.bytes_max = [](size_t) { return SIZE_MAX; };
    expect_broken(parts, "more than a frame");
    EXPECT_GT(CustomCodec(parts).encoded_bytes_max(16), limits::kBulkPayloadBytesMax);
    parts.bytes_max = [calls](size_t count) { return custom_bytes(count) + ++*calls; };
    const ZstdCodec packed(std::make_shared<CustomCodec>(parts), 3);
    EXPECT_EQ(bytes_of(packed, std::vector<float>(40, 1.5f)).error().code, Code::E_BROKEN_CONTRACT);
}

TEST(CustomCodec, WhatDecodeDoesWrong) {
    CodecParts parts = custom_parts();
    parts.decode = [](ByteSpan bytes, std::span<float> out) {
        const bool good = custom_decode(bytes, out);
        out.data()[out.size()] = 1.0f;
        return good;
    };
    expect_broken(parts, "decode wrote beyond its 40 elements");
}

// What anybody may send is the sender's fault, and writes nothing.
TEST(CustomCodec, RefusedBytes) {
    CodecParts lax = custom_parts();
    lax.decode = [](ByteSpan, std::span<float> out) {
        std::fill(out.begin(), out.end(), NAN);
        return true;
    };
    const CodecPtr codec = custom_codec();
    std::vector<float> out(20, 77);
    for (const size_t size : {0, 1, 27, 29, 400}) {
        const Status status = codec->decode(Bytes(size), out);
        EXPECT_EQ(status.error().code, Code::E_PROTOCOL) << size;
    }
    EXPECT_EQ(CustomCodec(lax).decode(Bytes(28), out).error().code, Code::E_PROTOCOL);
    EXPECT_EQ(codec->accumulate(Bytes(27), 1.0f, out).error().code, Code::E_PROTOCOL);
    EXPECT_EQ(out, std::vector<float>(20, 77));
    EXPECT_FALSE(codec->decode(Bytes(1), std::span<float>()).ok());
    EXPECT_TRUE(codec->decode(Bytes(), std::span<float>()).ok());
}

TEST(CustomCodec, DescriptionsThatAreNone) {
    const auto expect_refused = [](const char* words, void (*change)(CodecParts&)) {
        CodecParts parts = custom_parts();
        change(parts);
        const Status status = check_codec(parts);
        ASSERT_FALSE(status.ok()) << words;
        EXPECT_EQ(status.error().code, Code::E_INVALID);
        EXPECT_NE(status.error().detail.find(words), std::string::npos) << status.error().detail;
    };
    EXPECT_TRUE(check_codec(custom_parts()).ok());
    for (const char* name : {"", "int8", "my_codec", "-codec", "My-codec", "my-codec-", "9-lives", "a-b:c",
                             "a-very-long-name-of-a-codec-that-has-no-end"}) {
        CodecParts parts = custom_parts();
        parts.name = name;
        EXPECT_EQ(check_codec(parts).error().code, Code::E_INVALID) << name;
    }
    expect_refused("parameters", [](CodecParts& p) { p.parameters = "a=1+zstd"; });
    expect_refused("parameters", [](CodecParts& p) { p.parameters = std::string(65, 'x'); });
    expect_refused("are needed", [](CodecParts& p) { p.decode = nullptr; });
    expect_refused("cut_elements 24", [](CodecParts& p) { p.cut_elements = 24; });
    expect_refused("magnitude_max", [](CodecParts& p) { p.magnitude_max = INFINITY; });
}

// The longest texts fit into a descriptor.
TEST(CustomCodec, TheLongestText) {
    CodecParts parts = custom_parts();
    parts.name = "x-" + std::string(limits::kCustomNameBytesMax - 2, 'y');
    parts.parameters = std::string(limits::kCustomParametersBytesMax, 'z');
    ASSERT_TRUE(check_codec(parts).ok());
    const CustomCodecs known = {{parts.name, std::make_shared<CustomCodec>(parts)}};
    EXPECT_LE((*parse_codec(parts.name + "+zstd:level=9", known))->text().size(), limits::kCodecTextBytesMax);
}

}  // namespace
}  // namespace whim
