// Goal: what comes back differs from what went in by no more than each codec states, for any data and any
// length. Method: every codec on every kind of data and count; each element against the bound for its block's
// extremes.
#include <algorithm>

#include "tests/unit/codec/cases.h"

namespace whim {
namespace {

using namespace test;

void expect_within_bound(const Codec& codec, const std::vector<float>& x, const std::vector<float>& y) {
    const size_t block =
        codec.cut_elements() == Codec::kUncut ? std::max<size_t>(x.size(), 1) : codec.cut_elements();
    for (size_t at = 0; at < x.size(); at += block) {
        const size_t end = std::min(at + block, x.size());
        const auto [least, largest] = std::minmax_element(x.begin() + static_cast<std::ptrdiff_t>(at),
                                                          x.begin() + static_cast<std::ptrdiff_t>(end));
        for (size_t i = at; i < end; ++i) {
            ASSERT_TRUE(std::isfinite(y[i])) << codec.text() << " " << i;
            const double error = std::fabs(static_cast<double>(x[i]) - static_cast<double>(y[i]));
            ASSERT_LE(error, codec.error_bound(x[i], {*least, *largest}))
                << codec.text() << " " << i << ": " << x[i] << " became " << y[i] << " in " << *least << ".."
                << *largest;
        }
    }
}

class EveryCodec : public testing::TestWithParam<std::string> {};

TEST_P(EveryCodec, KeepsItsErrorBound) {
    const CodecPtr codec = codec_of(GetParam());
    for (const Data data : kData) {
        for (const size_t count : kCounts) {
            const auto x = make_values(data, count, codec->magnitude_max(), count + 7);
            const auto y = decoded(*codec, encoded(*codec, {.values = x}), count);
            ASSERT_NO_FATAL_FAILURE(expect_within_bound(*codec, x, y))
                << static_cast<int>(data) << " " << count;
        }
    }
}

TEST_P(EveryCodec, KeepsItsErrorBoundForEveryTail) {
    const CodecPtr codec = codec_of(GetParam());
    for (size_t count = 0; count < 150; ++count) {
        const auto x = make_values(Data::heavy, count, codec->magnitude_max(), count);
        ASSERT_NO_FATAL_FAILURE(
            expect_within_bound(*codec, x, decoded(*codec, encoded(*codec, {.values = x}), count)));
    }
}

TEST_P(EveryCodec, ZerosComeBackAsZeros) {
    const CodecPtr codec = codec_of(GetParam());
    const auto x = make_values(Data::zeros, 1000, 1, 3);
    for (const float y : decoded(*codec, encoded(*codec, {.values = x}), x.size())) ASSERT_EQ(y, 0);
}

// A block of zeros beside others: blocks of 64 are of zeros and not, in turn.
TEST_P(EveryCodec, BlocksOfZerosComeBackAsZerosBesideOthers) {
    const CodecPtr codec = codec_of(GetParam());
    const size_t cut = codec->cut_elements();
    if (cut == Codec::kUncut || 64 % cut != 0) return;
    const auto x = make_values(Data::zero_blocks, 1000, 1, 3);
    const auto y = decoded(*codec, encoded(*codec, {.values = x}), x.size());
    for (size_t i = 0; i < x.size(); ++i) ASSERT_TRUE(i / 64 % 2 == 1 || y[i] == 0) << i;
}

class DenseCodec : public testing::TestWithParam<std::string> {};

TEST_P(DenseCodec, EncodesAMeanLikeItsQuotients) {
    const CodecPtr codec = codec_of(GetParam());
    const float divisor = 2.7f;
    for (const size_t count : kCounts) {
        const auto sums = make_values(Data::heavy, count, codec->magnitude_max(), count);
        std::vector<float> means = sums;
        for (float& m : means) m /= divisor;
        EXPECT_EQ(encoded(*codec, {.values = sums, .divisor = divisor}), encoded(*codec, {.values = means}));
    }
}

TEST_P(DenseCodec, AccumulatesLikeDecodingFirst) {
    const CodecPtr codec = codec_of(GetParam());
    for (const size_t count : kCounts) {
        const Bytes bytes = encoded(*codec, {.values = make_values(Data::heavy, count, 1e4f, count)});
        const auto y = decoded(*codec, bytes, count);
        auto sums = make_values(Data::ordinary, count, 1, 9), expected = sums;
        for (size_t i = 0; i < count; ++i) {
            volatile float product = 0.3f * y[i];  // volatile, so that no compiler fuses it with the sum
            expected[i] = expected[i] + product;
        }
        ASSERT_TRUE(codec->accumulate(bytes, 0.3f, sums).ok());
        ASSERT_EQ(bits_of(sums), bits_of(expected)) << count;
    }
}

TEST_P(DenseCodec, PiecesGiveTheBytesOfTheWhole) {
    const CodecPtr codec = codec_of(GetParam());
    if (codec->cut_elements() == Codec::kUncut) return;
    const auto x = make_values(Data::heavy, 9001, 1e4f, 5);
    const Bytes whole = encoded(*codec, {.values = x});
    Prng random(6);
    for (int trial = 0; trial < 10; ++trial) {
        Bytes joined;
        for (size_t at = 0; at < x.size();) {
            const size_t blocks = 1 + random.below(3000 / codec->cut_elements() + 1);
            const size_t count = std::min(blocks * codec->cut_elements(), x.size() - at);
            const Bytes piece = encoded(*codec, {.values = std::span(x).subspan(at, count), .first = at});
            joined.insert(joined.end(), piece.begin(), piece.end());
            at += count;
        }
        ASSERT_EQ(joined, whole);
    }
}

std::string name_of(const testing::TestParamInfo<std::string>& info) {
    std::string out = info.param;
    std::replace_if(
        out.begin(), out.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
    return out;
}

INSTANTIATE_TEST_SUITE_P(All, EveryCodec, testing::ValuesIn(all_codecs()), name_of);
INSTANTIATE_TEST_SUITE_P(All, DenseCodec, testing::ValuesIn(dense_codecs()), name_of);

TEST(Int8, UsesItsWholeRange) {
    const auto x = make_values(Data::ordinary, 4096, 1, 1);
    const Bytes bytes = encoded(*codec_of("int8"), {.values = x});
    for (size_t block = 0; block < 16; ++block) {
        int most = 0;
        for (size_t i = 0; i < 256; ++i)
            most = std::max(most, std::abs(static_cast<int8_t>(bytes[block * 258 + 2 + i])));
        EXPECT_GE(most, 126);
        EXPECT_LE(most, 127);
    }
}

TEST(Affine, EqualElementsComeBackExactly) {
    for (const char* text : {"uint8", "uint4", "uint2:scale=e8m0"}) {
        const std::vector<float> x(1000, -0.1f);
        EXPECT_EQ(decoded(*codec_of(text), encoded(*codec_of(text), {.values = x}), x.size()), x);
    }
}

TEST(PowerOfTwoScales, CodingTwiceChangesNothing) {
    for (const char* text : {"int8:scale=e8m0", "int4:scale=e8m0", "int2:scale=e8m0"}) {
        const CodecPtr codec = codec_of(text);
        const Bytes once = encoded(*codec, {.values = make_values(Data::heavy, 3000, 1e4f, 2)});
        EXPECT_EQ(encoded(*codec, {.values = decoded(*codec, once, 3000)}), once) << text;
    }
}

TEST(Sign, KeepsSignsAndTheMeanMagnitude) {
    const std::vector<float> x = {1, -3, 0.0f, -0.0f, 2, -2, 0, 0};
    const auto y = decoded(*codec_of("sign"), encoded(*codec_of("sign"), {.values = x}), x.size());
    EXPECT_EQ(y, (std::vector<float>{1, -1, 1, 1, 1, -1, 1, 1}));
}

}  // namespace
}  // namespace whim
