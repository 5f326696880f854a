// Goal: what cannot be encoded is refused with its index before anything is written; bytes that no encoder
// makes are refused with a reason before anything is decoded. Method: one bad value at each kind of place;
// every codec's own bytes with one thing changed.
#include <limits>

#include "tests/unit/codec/cases.h"
#include "tests/unit/kernels/only_target.h"

namespace whim {
namespace {

using namespace test;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Refusal, OfValuesNamesTheFirstAndWritesNothing) {
    for (const std::string& text : all_codecs()) {
        const CodecPtr codec = codec_of(text);
        for (const size_t at : {0u, 1u, 63u, 64u, 700u, 999u}) {
            for (const float bad : {kNan, kInfinity, -kInfinity, -kNan}) {
                auto x = make_values(Data::ordinary, 1000, 1, 1);
                x[at] = bad;
                x[999] = kNan;
                Bytes out(codec->encoded_bytes_max(1000), std::byte{0x5a});
                const auto result = codec->encode({.values = x}, out);
                ASSERT_FALSE(result.ok()) << text;
                EXPECT_EQ(result.error().code, Code::E_NON_FINITE);
                EXPECT_EQ(result.error().detail.rfind("element " + std::to_string(at) + " is ", 0), 0u);
                EXPECT_EQ(out, Bytes(out.size(), std::byte{0x5a}));
                EXPECT_EQ(codec->first_refused({.values = x}), at);
            }
        }
    }
}

TEST(Refusal, BeginsPastTheLargestMagnitude) {
    for (const std::string& text : all_codecs()) {
        const CodecPtr codec = codec_of(text);
        const float most = codec->magnitude_max(), more = std::nextafter(most, kInfinity);
        EXPECT_EQ(codec->first_refused({.values = std::vector<float>{most, -most}}), std::nullopt) << text;
        EXPECT_EQ(codec->first_refused({.values = std::vector<float>{most, -more}}), 1u) << text;
        Bytes out(codec->encoded_bytes_max(1));
        const auto result = codec->encode({.values = std::vector<float>{more}}, out);
        ASSERT_FALSE(result.ok());
        EXPECT_EQ(result.error().code, std::isfinite(more) ? Code::E_UNSUPPORTED : Code::E_NON_FINITE)
            << text;
    }
}

TEST(Refusal, LooksAtQuotients) {
    const CodecPtr none = codec_of("none"), half = codec_of("fp16");
    const float most = std::numeric_limits<float>::max();
    EXPECT_EQ(none->first_refused({.values = std::vector<float>{most}, .divisor = 0.5f}), 0u);
    EXPECT_EQ(none->first_refused({.values = std::vector<float>{most}, .divisor = 8}), std::nullopt);
    EXPECT_EQ(half->first_refused({.values = std::vector<float>{65504.0f * 8, 65505.0f * 8}, .divisor = 8}),
              1u);
    Bytes out(4);
    for (const float bad : {0.0f, -1.0f, kNan, kInfinity}) {
        const auto result = none->encode({.values = std::vector<float>{1}, .divisor = bad}, out);
        ASSERT_FALSE(result.ok());
        EXPECT_EQ(result.error().code, Code::E_WEIGHTS);
    }
}

TEST(Refusal, OfScreenedValuesDoesNotHappenAndHarmsNothing) {
    for (const std::string& text : all_codecs()) {
        const CodecPtr codec = codec_of(text);
        for (const float bad : {kNan, -kInfinity, 3e38f}) {
            std::vector<float> x(777, bad);
            Bytes out(codec->encoded_bytes_max(x.size()) + 1, std::byte{0x5a});
            ASSERT_TRUE(codec->encode({.values = x, .screened = true}, out).ok());
            EXPECT_EQ(out.back(), std::byte{0x5a}) << text;
        }
    }
}

// Decoding and accumulating these bytes is refused with such a detail, and writes nothing.
void expect_refused(const Codec& codec, ByteSpan bytes, size_t count, const std::string& detail) {
    std::vector<float> out(count, 77);
    const Status statuses[] = {codec.check(bytes, count), codec.decode(bytes, out),
                               codec.accumulate(bytes, 1, out)};
    for (const Status& status : statuses) {
        ASSERT_FALSE(status.ok()) << codec.text() << " " << detail;
        EXPECT_EQ(status.error().code, Code::E_PROTOCOL);
        EXPECT_NE(status.error().detail.find(detail), std::string::npos) << status.error().detail;
    }
    EXPECT_EQ(out, std::vector<float>(count, 77));
}

TEST(Refusal, OfEveryOtherLength) {
    for (const std::string& text : dense_codecs()) {
        const CodecPtr codec = codec_of(text);
        for (const size_t count : {0u, 1u, 100u}) {
            Bytes bytes = encoded(*codec, {.values = make_values(Data::ordinary, count, 1, 1)});
            bytes.push_back(std::byte{0});
            expect_refused(*codec, bytes, count, "bytes, not " + std::to_string(bytes.size()));
            if (count == 0) continue;
            expect_refused(*codec, ByteSpan(bytes).first(bytes.size() - 2), count, "bytes, not ");
            expect_refused(*codec, {}, count, "bytes, not 0");
        }
    }
}

Bytes hex(std::string_view text) {
    Bytes out;
    for (size_t i = 0; i + 1 < text.size(); i += 2) {
        out.push_back(static_cast<std::byte>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
    }
    return out;
}

TEST(Refusal, OfForeignBlocks) {
    struct Case {
        const char *codec, *bytes;
        size_t count;
        const char* detail;
    };
    const Case cases[] = {
        {"int8", "803f0180", 2, "block 0 of int8 has a code"},           // -128
        {"int8", "80bf0102", 2, "block 0 of int8 has a scale"},          // negative
        {"int8", "807f0102", 2, "has a scale"},                          // infinity
        {"int8", "c07f0102", 2, "has a scale"},                          // NaN
        {"int8", "7f7f0102", 2, "has a scale"},                          // 127 times it is infinite
        {"int8", "01000102", 2, "has a scale"},                          // subnormal
        {"int8", "7f080102", 2, "has a scale"},                          // below 2^-110
        {"int8", "00000001", 2, "codes other than zero"},                //
        {"int8", "00800000", 2, "has a scale"},                          // -0
        {"int4", "803f18", 2, "block 0 of int4 has a code"},             // -8 in the low nibble
        {"int4", "803f81", 2, "has a code"},                             // in the high
        {"int4", "803f11", 1, "bits after its last code"},               //
        {"int2", "803f09", 2, "has a code"},                             // -2
        {"int2", "803f11", 2, "bits after"},                             //
        {"e4m3", "803f7f", 1, "has a code"},                             // NaN
        {"e4m3", "803fff", 1, "has a code"},                             //
        {"e5m2", "803f7c", 1, "has a code"},                             // infinity
        {"e5m2", "803ffe", 1, "has a code"},                             // NaN
        {"e2m1", "803f10", 1, "bits after"},                             //
        {"sign", "803f04", 2, "bits after"},                             //
        {"sign", "000001", 2, "codes other than zero"},                  //
        {"e4m3:scale=e8m0", "ff01", 1, "has a scale"},                   //
        {"int4:scale=fp16", "007c01", 1, "has a scale"},                 // infinity
        {"int4:scale=fp32", "0000c07f01", 1, "has a scale"},             // NaN
        {"uint8", "0000c07f803f01", 1, "block 0 of uint8 has a scale"},  // the least is NaN
        {"uint8", "00000080803f01", 1, "has a scale"},                   // the least is -0
        {"uint8", "00000000000001", 1, "codes other than zero"},         //
        {"uint8", "ffff7f7f803f01", 1, ""},             // usual: the largest float, a step of nothing
        {"uint8", "ffff7f7f7f7b01", 1, "has a scale"},  // past it
        {"uint4", "00000000803f10", 1, "bits after"},   //
        {"none", "0000807f", 1, "element 0 of none is not finite"},  //
        {"fp16", "003c007c", 2, "element 1 of fp16 is not finite"},  //
        {"bf16", "803fc0ff", 2, "element 1 of bf16 is not finite"},  //
    };
    for (const Case& c : cases) {
        if (*c.detail == '\0') {
            EXPECT_TRUE(codec_of(c.codec)->check(hex(c.bytes), c.count).ok()) << c.codec << " " << c.bytes;
        } else {
            expect_refused(*codec_of(c.codec), hex(c.bytes), c.count, c.detail);
        }
    }
}

// The instruction sets look at vectors of several lengths, and at what is left one by one.
class RefusalOnTarget : public testing::TestWithParam<int64_t> {};

TEST_P(RefusalOnTarget, FindsTheValueAtEveryPlace) {
    const OnlyTarget only(GetParam());
    for (const char* text :
         {"none", "fp16", "int8", "uint4:scale=fp16", "sign", "topk:1/8,chunk=32", "int4+zstd"}) {
        const CodecPtr codec = codec_of(text);
        const auto good = make_values(Data::ordinary, 211, 1, 1);
        ASSERT_EQ(codec->first_refused({.values = good}), std::nullopt) << text;
        for (size_t at = 0; at < good.size(); ++at) {
            for (const float bad : {kNan, -kInfinity}) {
                auto x = good;
                x[at] = bad;
                ASSERT_EQ(codec->first_refused({.values = x}), at) << text;
                ASSERT_EQ(codec->first_refused({.values = x, .divisor = 3}), at) << text;
                Bytes out(codec->encoded_bytes_max(x.size()));
                ASSERT_FALSE(codec->encode({.values = x}, out).ok()) << text << " " << at;
            }
        }
    }
}

// Blocks of less than a vector, of several, and with something left beyond the last.
TEST_P(RefusalOnTarget, SeesACodeAtEveryPlaceOfABlock) {
    const OnlyTarget only(GetParam());
    struct Foreign {
        const char* codec;
        size_t bits;
        unsigned code;
    };
    for (const Foreign& f :
         {Foreign{"int8", 8, 0x80}, Foreign{"int8:block=16", 8, 0x80}, Foreign{"int8:block=208", 8, 0x80},
          Foreign{"e4m3", 8, 0xff}, Foreign{"e5m2", 8, 0x7c}, Foreign{"int4", 4, 0x8},
          Foreign{"int4:block=16", 4, 0x8}, Foreign{"int4:block=48", 4, 0x8},
          Foreign{"int4:block=176", 4, 0x8}, Foreign{"int2", 2, 0x2}, Foreign{"int2:block=16", 2, 0x2},
          Foreign{"int2:block=288", 2, 0x2}}) {
        const CodecPtr codec = codec_of(f.codec);
        const std::vector<float> x(610, 1);
        const Bytes bytes = encoded(*codec, {.values = x});
        const size_t block = codec->cut_elements();
        const size_t block_bytes = 2 + block * f.bits / 8;
        ASSERT_TRUE(codec->check(bytes, x.size()).ok()) << f.codec;
        for (size_t i = 0; i < x.size(); ++i) {
            Bytes changed = bytes;
            const size_t bit = i % block * f.bits;
            std::byte& at = changed[i / block * block_bytes + 2 + bit / 8];
            const auto mask = static_cast<std::byte>(((1u << f.bits) - 1) << bit % 8);
            at = (at & ~mask) | static_cast<std::byte>(f.code << bit % 8);
            expect_refused(*codec, changed, x.size(), "block " + std::to_string(i / block) + " of");
        }
    }
}

TEST_P(RefusalOnTarget, AgreesOnForeignBytes) {
    Prng random(9);
    uint32_t refused = 0, taken = 0;
    for (const std::string& text : all_codecs()) {
        const CodecPtr codec = codec_of(text);
        const size_t count = 150;
        const Bytes bytes = encoded(*codec, {.values = make_values(Data::heavy, count, 1e3f, 1)});
        for (int trial = 0; trial < 40; ++trial) {
            Bytes changed = bytes;
            changed[random.below(changed.size())] ^= static_cast<std::byte>(1 << random.below(8));
            const Status status = codec->check(changed, count);
            ++(status.ok() ? taken : refused);
            const OnlyTarget only(GetParam());
            const Status here = codec->check(changed, count);
            ASSERT_EQ(here.ok(), status.ok()) << text;
            ASSERT_TRUE(here.ok() || here.error().detail == status.error().detail) << text;
        }
    }
    EXPECT_GT(refused, 300u);
    EXPECT_GT(taken, 300u);
}

WHIM_INSTANTIATE_FOR_TARGETS(RefusalOnTarget);

TEST(Refusal, OfWeights) {
    const CodecPtr codec = codec_of("int8");
    const Bytes bytes = encoded(*codec, {.values = std::vector<float>{1}});
    std::vector<float> acc(1);
    for (const float bad : {-1.0f, kNan, kInfinity}) {
        const Status status = codec->accumulate(bytes, bad, acc);
        ASSERT_FALSE(status.ok());
        EXPECT_EQ(status.error().code, Code::E_WEIGHTS);
    }
    EXPECT_TRUE(codec->accumulate(bytes, 0, acc).ok());
}

}  // namespace
}  // namespace whim
