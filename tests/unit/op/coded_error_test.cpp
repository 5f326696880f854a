// Goal: with every codec, all peers hold the same bytes, and the mean is as far from the exact one as the
// model of two codings says and no farther: q sqrt(2) for dense codecs (schedule B), q for sparse ones
// (schedule C). Method: whole worlds of 2 to 17 peers with Gaussian inputs; q is measured on the same inputs,
// one coding.
#include <gtest/gtest.h>

#include <cmath>

#include "collectives/codec/parse.h"
#include "tests/unit/op/model.h"

namespace whim::op {
namespace {

constexpr const char* kCodecs[] = {"bf16",
                                   "fp16",
                                   "int8",
                                   "int4",
                                   "int2",
                                   "uint8",
                                   "uint4",
                                   "e4m3",
                                   "e5m2",
                                   "e2m1",
                                   "e3m0",
                                   "sign",
                                   "int8:block=whole",
                                   "int4:round=stochastic",
                                   "bf16+zstd",
                                   "topk:1/8",
                                   "topk:1/4,values=bf16,index=packed"};

double relative_rms(const std::vector<float>& got, const std::vector<double>& wanted) {
    double error = 0, power = 0;
    for (size_t i = 0; i < got.size(); ++i) {
        error += (got[i] - wanted[i]) * (got[i] - wanted[i]);
        power += wanted[i] * wanted[i];
    }
    return power > 0 ? std::sqrt(error / power) : 0;
}

std::vector<double> mean_of(const std::vector<std::vector<float>>& inputs) {
    std::vector<double> mean(inputs[0].size(), 0.0);
    double weights = 0;
    for (size_t r = 0; r < inputs.size(); ++r) {
        const double weight = 1 + r % 3;
        for (size_t i = 0; i < mean.size(); ++i) mean[i] += weight * inputs[r][i];
        weights += weight;
    }
    for (double& x : mean) x /= weights;
    return mean;
}

// The relative error of one coding of these inputs, and of their mean if it were all there is.
double one_shot(const Codec& codec, const std::vector<float>& x) {
    Bytes bytes(codec.encoded_bytes_max(x.size()));
    const auto size = codec.encode({.values = x}, bytes);
    std::vector<float> decoded(x.size());
    EXPECT_TRUE(size.ok() && codec.decode(ByteSpan(bytes).first(*size), decoded).ok());
    return relative_rms(decoded, {x.begin(), x.end()});
}

ModelOptions world(const char* codec, uint32_t peers, uint64_t elements) {
    ModelOptions o;
    o.seed = peers * 1000 + elements;
    o.codec = codec;
    o.peers = peers;
    o.elements = elements;
    o.chunk_elements = elements > 10'000 ? 65'536 : 64;
    o.window_bytes = 4 << 20;
    o.eager_bytes = 1 << 20;
    o.retain_bytes_max = 256 << 20;
    o.gaussian = true;
    return o;
}

TEST(CodedError, SmallAndOddSizes) {
    for (const char* codec : kCodecs) {
        for (uint32_t peers = 2; peers <= 17; ++peers) {
            for (const uint64_t elements :
                 {uint64_t{0}, uint64_t{1}, uint64_t{peers - 1}, uint64_t{peers}, uint64_t{peers + 1}}) {
                const ModelOutcome outcome = run_model(world(codec, peers, elements));
                ASSERT_EQ(outcome.problem, "") << codec << ", " << peers << " peers, " << elements;
            }
        }
    }
}

class CodedErrorOf : public testing::TestWithParam<const char*> {};

TEST_P(CodedErrorOf, IsThatOfTheModel) {
    const CodecPtr codec = *parse_codec(GetParam());
    for (const uint32_t peers : {2u, 3u, 8u, 17u}) {
        const uint64_t elements = peers == 17 ? 1'000'003 : 100'003;
        const ModelOutcome outcome = run_model(world(GetParam(), peers, elements));
        ASSERT_EQ(outcome.problem, "") << peers << " peers";
        const double q = one_shot(*codec, outcome.inputs[0]);
        const double model = codec->sparse() ? q : q * std::sqrt(2.0);
        const double error = relative_rms(outcome.result, mean_of(outcome.inputs));
        EXPECT_LE(error, 1.5 * model) << peers << " peers";
        EXPECT_GE(error, 0.5 * model) << peers << " peers: is it coded at all?";
    }
}

INSTANTIATE_TEST_SUITE_P(AllCodecs, CodedErrorOf, testing::ValuesIn(kCodecs));

}  // namespace
}  // namespace whim::op
