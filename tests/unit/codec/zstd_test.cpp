// Goal: the zstd stage gives the other codec's elements, is skipped where it saves nothing, and refuses
// frames that would unpack to anything else. Method: data that compresses and data that does not, through
// several codecs; frames made by hand.
#include <zstd.h>

#include "collectives/kernels/planes.h"
#include "tests/unit/codec/cases.h"
#include "tests/unit/kernels/only_target.h"

namespace whim {
namespace {

using namespace test;

class PlanesOnTarget : public testing::TestWithParam<int64_t> {};

TEST_P(PlanesOnTarget, SortByPlaceAndBack) {
    const OnlyTarget only(GetParam());
    Prng random(1);
    for (const size_t width : {2u, 4u}) {
        for (const size_t count : {0u, 1u, 3u, 64u, 255u, 256u, 1001u}) {
            Bytes in(count), sorted(count), back(count);
            for (auto& b : in) b = static_cast<std::byte>(random.next());
            kernels::split_planes(width, in, sorted);
            for (size_t i = 0; i < count / width * width; ++i) {
                ASSERT_EQ(sorted[i % width * (count / width) + i / width], in[i]);
            }
            kernels::join_planes(width, sorted, back);
            ASSERT_EQ(back, in);
        }
    }
}

WHIM_INSTANTIATE_FOR_TARGETS(PlanesOnTarget);

TEST(Zstd, GivesTheElementsOfTheOtherCodec) {
    for (const char* name :
         {"none", "bf16", "fp16", "int8:block=whole", "int4", "sign", "topk:1/64,index=packed"}) {
        const CodecPtr plain = codec_of(name), packed = codec_of(std::string(name) + "+zstd");
        for (const Data data : kData) {
            for (const size_t count : kCounts) {
                const auto x = make_values(data, count, 60000, count);
                const Bytes bytes = encoded(*packed, {.values = x});
                const auto y = decoded(*plain, encoded(*plain, {.values = x}), count);
                ASSERT_EQ(bits_of(decoded(*packed, bytes, count)), bits_of(y)) << packed->text();
                std::vector<float> sums(count, 1), expected = sums;
                ASSERT_TRUE(packed->accumulate(bytes, 0.5f, sums).ok());
                ASSERT_TRUE(plain->accumulate(encoded(*plain, {.values = x}), 0.5f, expected).ok());
                ASSERT_EQ(bits_of(sums), bits_of(expected));
                ASSERT_TRUE(packed->check(bytes, count).ok());
            }
        }
    }
}

TEST(Zstd, SortsBytesOfFloatsAndSkipsWhatDoesNotCompress) {
    const auto x = make_values(Data::heavy, 100000, 1e4f, 1);
    const Bytes halves = encoded(*codec_of("bf16+zstd"), {.values = x});
    EXPECT_NE(halves[0], std::byte{0});
    EXPECT_LT(halves.size(), 170000u);                               // of 200000
    const auto like = make_values(Data::negative, 100000, 1e4f, 1);  // one exponent
    EXPECT_EQ(encoded(*codec_of("none+zstd"), {.values = like})[0], std::byte{3});
    Prng random(2);
    std::vector<float> even(100000);
    for (float& e : even) e = random.unit_float() * 2 - 1;
    const Bytes stored = encoded(*codec_of("int8+zstd"), {.values = even});
    EXPECT_EQ(stored[0], std::byte{0});
    EXPECT_EQ(stored.size(), 1 + codec_of("int8")->encoded_bytes_max(even.size()));
    EXPECT_EQ(encoded(*codec_of("int8+zstd"), {.values = std::vector<float>(5000, 0)})[0], std::byte{1});
}

// 4 ns a byte at level 1, in zstd_codec.h's words: an empty frame is worth that where bytes cost as much.
TEST(Zstd, PacksWhereTheLineTakesLonger) {
    const std::vector<float> zeros(5000, 0);
    const auto x = make_values(Data::heavy, 100000, 1e4f, 1);
    const auto packed = [](const char* codec, const std::vector<float>& values, double byte_ns) {
        const Bytes bytes = encoded(*codec_of(codec), {.values = values, .byte_ns = byte_ns});
        EXPECT_EQ(
            bits_of(decoded(*codec_of(codec), bytes, values.size())),
            bits_of(decoded(*codec_of(codec), encoded(*codec_of(codec), {.values = values}), values.size())));
        if (bytes[0] == std::byte{0}) {
            Bytes plain(codec_of("bf16")->encoded_bytes_max(values.size()));
            EXPECT_EQ(*codec_of("bf16")->encode({.values = values}, plain), bytes.size() - 1);
            EXPECT_TRUE(std::equal(plain.begin(), plain.end(), bytes.begin() + 1));
        }
        return bytes[0] != std::byte{0};
    };
    EXPECT_FALSE(packed("bf16+zstd", zeros, 0)) << "as fast as memory, or not known";
    EXPECT_FALSE(packed("bf16+zstd", zeros, 1)) << "a line of 1 GB/s";
    EXPECT_FALSE(packed("bf16+zstd", zeros, 3.9));
    EXPECT_TRUE(packed("bf16+zstd", zeros, 4.1));
    EXPECT_FALSE(packed("bf16+zstd:level=9", zeros, 29)) << "a higher level takes longer";
    EXPECT_TRUE(packed("bf16+zstd:level=9", zeros, 31));
    // 200000 bytes become 166000: a byte is worth 4 ns / 0.17 at least.
    EXPECT_FALSE(packed("bf16+zstd", x, 18));
    EXPECT_TRUE(packed("bf16+zstd", x, 40)) << "a line of 25 MB/s";
}

// What compresses in one place only is judged by all of it.
TEST(Zstd, SamplesComeFromAllOver) {
    Prng random(3);
    std::vector<float> values(64000);
    for (float& v : values) v = random.unit_float() * 2 - 1;
    const size_t noise = encoded(*codec_of("int8+zstd"), {.values = values}).size();
    EXPECT_GT(noise, values.size());
    std::fill(values.begin() + 32000, values.end(), 0.0f);
    const Bytes half = encoded(*codec_of("int8+zstd"), {.values = values});
    EXPECT_EQ(half[0], std::byte{1});
    EXPECT_LT(half.size(), noise * 6 / 10);
    EXPECT_EQ(encoded(*codec_of("int8+zstd"), {.values = values, .byte_ns = 6})[0], std::byte{0});
    EXPECT_EQ(encoded(*codec_of("int8+zstd"), {.values = values, .byte_ns = 12})[0], std::byte{1});
}

Bytes frame(uint8_t mode, const Bytes& content) {
    Bytes out(1 + ZSTD_compressBound(content.size()));
    out[0] = static_cast<std::byte>(mode);
    out.resize(1 + ZSTD_compress(out.data() + 1, out.size() - 1, content.data(), content.size(), 1));
    return out;
}

// Frames put together from RFC 8878, so that what older versions have sent is read for ever: one of bytes as
// they are, one of equal bytes, one of 2-byte codes sorted by place.
TEST(Zstd, ReadsFramesMadeByHand) {
    struct Case {
        const char* codec;
        std::vector<uint8_t> bytes;
        std::vector<float> elements;
    };
    const Case cases[] = {
        {"none+zstd",
         {1, 0x28, 0xb5, 0x2f, 0xfd, 0x20, 8, 0x41, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0},
         {1, -2}},
        {"sign:block=16+zstd",
         {1, 0x28, 0xb5, 0x2f, 0xfd, 0x20, 8, 0x43, 0, 0, 0},  // two blocks of zeros
         std::vector<float>(32, 0)},
        {"bf16+zstd", {2, 0x28, 0xb5, 0x2f, 0xfd, 0x20, 4, 0x21, 0, 0, 0x80, 0, 0x3f, 0xc0}, {1, -2}},
    };
    for (const Case& c : cases) {
        const auto bytes = std::as_bytes(std::span(c.bytes));
        EXPECT_EQ(decoded(*codec_of(c.codec), bytes, c.elements.size()), c.elements) << c.codec;
    }
}

TEST(Zstd, RefusesOtherFrames) {
    const CodecPtr codec = codec_of("int8+zstd");
    const size_t right = codec_of("int8")->encoded_bytes_max(1000);
    EXPECT_TRUE(codec->check(frame(1, Bytes(right)), 1000).ok());
    Bytes twice = frame(1, Bytes(right)), cut = twice, broken = twice;
    twice.insert(twice.end(), cut.begin() + 1, cut.end());
    cut.pop_back();
    broken[broken.size() / 2] ^= std::byte{0xff};
    Bytes foreign(right);
    foreign[1] = std::byte{0x80};
    const std::pair<Bytes, const char*> cases[] = {
        {{}, "there are none"},
        {frame(2, Bytes(right)), "unknown mode 2"},
        {frame(7, Bytes(right)), "unknown mode 7"},
        {frame(1, Bytes(right + 1)), "bytes where"},
        {frame(1, Bytes(right - 1)), "bytes where"},
        {frame(1, Bytes(64u << 20)), "bytes where"},
        {Bytes{std::byte{1}, std::byte{5}}, "no frame"},
        {twice, "not one whole frame"},
        {cut, "not one whole frame"},
        {frame(1, foreign), "block 0 of int8 has a scale"},
        {Bytes{std::byte{0}, std::byte{5}}, "1000 elements of int8 are"},
    };
    for (const auto& [bytes, detail] : cases) {
        std::vector<float> out(1000, 77);
        const Status status = codec->decode(bytes, out);
        ASSERT_FALSE(status.ok()) << detail;
        EXPECT_EQ(status.error().code, Code::E_PROTOCOL);
        EXPECT_NE(status.error().detail.find(detail), std::string::npos) << status.error().detail;
        EXPECT_EQ(out, std::vector<float>(1000, 77));
        EXPECT_FALSE(codec->check(bytes, 1000).ok());
        EXPECT_FALSE(codec->accumulate(bytes, 1, out).ok());
    }
    EXPECT_FALSE(codec->check(frame(1, {}), 0).ok());
    std::vector<float> out(1000);
    const Status status = codec->decode(broken, out);
    EXPECT_TRUE(status.ok() || status.error().code == Code::E_PROTOCOL);
}

TEST(Zstd, TextsComeBack) {
    EXPECT_EQ(codec_of("bf16+zstd")->text(), "bf16+zstd");
    EXPECT_EQ(codec_of("int4:block=64+zstd:level=3")->text(), "int4:block=64+zstd:level=3");
    EXPECT_FALSE(parse_codec("bf16+zstd:level=10").ok());
    EXPECT_FALSE(parse_codec("bf16+lz4").ok());
    EXPECT_FALSE(parse_codec("bf16+zstd+zstd").ok());
    EXPECT_FALSE(parse_codec("bf16+").ok());
}

}  // namespace
}  // namespace whim
