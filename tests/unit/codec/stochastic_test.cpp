// Goal: stochastic rounding goes to a neighbour, is right on average, and is a function of seed, stream and
// place. Method: the same elements under many streams; averages against the spread that independent roundings
// may have.
#include "tests/unit/codec/cases.h"

namespace whim {
namespace {

using namespace test;

std::vector<float> rounded(const Codec& codec, const std::vector<float>& x, Dither dither) {
    Bytes bytes(codec.encoded_bytes_max(x.size()));
    EXPECT_TRUE(codec.encode({.values = x, .dither = dither}, bytes).ok());
    return decoded(codec, bytes, x.size());
}

class StochasticCodec : public testing::TestWithParam<const char*> {};

TEST_P(StochasticCodec, IsRightOnAverage) {
    const CodecPtr codec = codec_of(std::string(GetParam()) + ":round=stochastic");
    const auto x = make_values(Data::ordinary, 64, 1, 1);
    const int streams = 4000;
    std::vector<double> sums(x.size()), squares(x.size());
    for (int stream = 0; stream < streams; ++stream) {
        const auto y = rounded(*codec, x, {.seed = 7, .stream = static_cast<uint64_t>(stream)});
        for (size_t i = 0; i < x.size(); ++i) {
            const double error = static_cast<double>(y[i]) - static_cast<double>(x[i]);
            sums[i] += error;
            squares[i] += error * error;
        }
    }
    for (size_t i = 0; i < x.size(); ++i) {
        const double deviation = std::sqrt(squares[i] / streams / streams);
        EXPECT_LE(std::fabs(sums[i] / streams), 5 * deviation + 1e-6) << x[i];
    }
}

TEST_P(StochasticCodec, DependsOnSeedStreamAndPlaceAlone) {
    const CodecPtr codec = codec_of(std::string(GetParam()) + ":round=stochastic");
    const auto x = make_values(Data::ordinary, 4096, 1, 1);
    const auto y = rounded(*codec, x, {.seed = 1, .stream = 2});
    EXPECT_EQ(bits_of(rounded(*codec, x, {.seed = 1, .stream = 2})), bits_of(y));
    EXPECT_NE(bits_of(rounded(*codec, x, {.seed = 1, .stream = 3})), bits_of(y));
    EXPECT_NE(bits_of(rounded(*codec, x, {.seed = 3, .stream = 2})), bits_of(y));
    Bytes here(codec->encoded_bytes_max(x.size())), there = here;
    EXPECT_TRUE(codec->encode({.values = x}, here).ok());
    EXPECT_TRUE(codec->encode({.values = x, .first = uint64_t{1} << 36}, there).ok());
    EXPECT_NE(here, there);
}

TEST_P(StochasticCodec, LeavesNumbersOfTheGridAlone) {
    const CodecPtr nearest = codec_of(std::string(GetParam()) + ":scale=e8m0");
    const CodecPtr stochastic = codec_of(std::string(GetParam()) + ":scale=e8m0,round=stochastic");
    std::vector<float> x(512);
    for (size_t i = 0; i < x.size(); ++i) x[i] = i % 2 == 0 ? 1.0f : -1.0f;
    for (size_t i = 0; i < x.size(); i += 16) x[i + 5] = 0;
    const auto y = decoded(*nearest, encoded(*nearest, {.values = x}), x.size());
    EXPECT_EQ(rounded(*stochastic, y, {.seed = 5, .stream = 6}), y);
}

INSTANTIATE_TEST_SUITE_P(All, StochasticCodec,
                         testing::Values("int8", "int4", "int2", "uint8", "uint4", "e4m3", "e5m2", "e2m1",
                                         "e3m0"),
                         [](const auto& info) { return std::string(info.param); });

TEST(StochasticFloats, AreRightOnAverage) {
    for (const char* text : {"bf16:round=stochastic", "fp16:round=stochastic"}) {
        const CodecPtr codec = codec_of(text);
        const std::vector<float> x(16, 1.0f + 0x1p-12f);
        double sum = 0;
        for (uint64_t stream = 0; stream < 2000; ++stream) {
            for (const float y : rounded(*codec, x, {.seed = 1, .stream = stream}))
                sum += static_cast<double>(y) - 1;
        }
        EXPECT_NEAR(sum / 32000, 0x1p-12, 0x1p-12 / 4) << text;
    }
}

}  // namespace
}  // namespace whim
