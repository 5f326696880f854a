// Goal: with every codec the result of a large op is as far from the exact one as its model says, and no
// farther: of an all-reduce one coding of each contribution and one of the result (none of sparse codecs), of
// reduce_scatter the first, of what is only copied one. For contributions alike that is q sqrt(2), q and q
// with q the relative error of one coding ("Errors of an op" in docs/reference/codecs.md).
// Method: whole worlds with Gaussian inputs; error_model.h, which knows formats but none of the library's
// code. WHIM_WHOLE_MATRIX=1: every number of members from 2 to 17, each with 1,000,003 elements.
#include "tests/unit/op/error_model.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "collectives/codec/parse.h"
#include "tests/unit/op/matrix.h"

namespace whim::op {
namespace {

constexpr uint32_t kChunk = 65'536;
constexpr uint64_t kLarge = 1'000'003, kSmall = 20'011;

// q: what a coding of Gaussian data is off, relatively, as measured without this library; 0: not known, or it
// depends on how many elements there are, or where their largest lies between powers of two.
struct Family {
    const char* codec;
    ErrorModel model;
    double q = 0;
    bool sparse = false;
};

const std::vector<Family>& families() {
    static const std::vector<Family> all = {
        {"bf16", float_errors(7, -126)},
        {"fp16", float_errors(10, -14)},
        {"bf16:round=stochastic", float_errors(7, -126, true)},
        {"fp16:round=stochastic", float_errors(10, -14, true)},
        {"int8", grid_errors(whole_numbers(127), {.block = 256}), .0070},
        {"int8:block=whole", grid_errors(whole_numbers(127), {.block = kChunk})},
        {"int8:scale=e8m0", grid_errors(whole_numbers(127), {.block = 256, .power_of_two = true})},
        {"int4", grid_errors(whole_numbers(7), {.block = 32}), .097},
        {"int4:round=stochastic", grid_errors(whole_numbers(7), {.block = 32, .stochastic = true})},
        {"int2", grid_errors(whole_numbers(1), {.block = 32})},
        {"uint8", affine_errors(255, {.block = 256}), .0064},
        {"uint4", affine_errors(15, {.block = 64})},
        {"uint2", affine_errors(3, {.block = 64})},
        {"e4m3", grid_errors(small_floats(3, -6, 448), {.block = 128}), .026},
        {"e5m2", grid_errors(small_floats(2, -14, 57344), {.block = 128}), .05},
        {"e2m1", grid_errors(e2m1_numbers(), {.block = 16}), .094},
        {"e3m0", grid_errors(e3m0_numbers(), {.block = 32}), .181},
        {"e3m0:round=stochastic", grid_errors(e3m0_numbers(), {.block = 32, .stochastic = true})},
        {"sign", sign_errors(256), .60},
        {"bf16+zstd", float_errors(7, -126)},
        {"topk:1/8", topk_errors(8, 4096, grid_errors(whole_numbers(127), {.block = 256})), 0, true},
        {"topk:1/4,values=bf16,index=packed", topk_errors(4, 4096, float_errors(7, -126)), 0, true},
    };
    return all;
}

double weight_of(size_t rank) { return 1.0 + static_cast<double>(rank % 3); }

// What every element of rank 0's result would be, were nothing coded.
std::vector<double> exact(const ModelOptions& o, const std::vector<std::vector<float>>& inputs) {
    std::vector<double> out(o.elements, 0.0);
    if (o.reduce == Reduce::copy && o.collective == Collective::all_reduce)
        return {inputs[o.source].begin(), inputs[o.source].end()};
    if (o.collective == Collective::all_gather) {
        uint64_t at = 0;
        for (size_t r = 0; r < inputs.size(); ++r) {
            for (const uint64_t end = at + o.parts[r]; at < end; ++at) out[at] = inputs[r][at];
        }
        return out;
    }
    if (o.collective == Collective::reduce_scatter) out.resize(o.parts[0]);
    double weights = 0;
    for (size_t r = 0; r < inputs.size(); ++r) {
        const double weight = o.reduce == Reduce::avg ? weight_of(r) : 1;
        for (size_t i = 0; i < out.size(); ++i) out[i] += weight * static_cast<double>(inputs[r][i]);
        weights += weight;
    }
    for (double& x : out) x /= o.reduce == Reduce::avg ? weights : 1;
    return out;
}

// The model of that: errors of independent codings add up as squares.
double expected_error(const Family& family, const ModelOptions& o,
                      const std::vector<std::vector<float>>& inputs, const std::vector<double>& wanted) {
    const size_t sample = std::min<size_t>(wanted.size(), kChunk);  // says enough about all
    const std::vector<float> result(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(sample));
    double squares = 0, weights = 0;
    if (o.reduce == Reduce::copy) return std::sqrt(family.model(result) / power_of(result));
    for (size_t r = 0; r < inputs.size(); ++r) {
        const double weight = o.reduce == Reduce::avg ? weight_of(r) : 1;
        squares += weight * weight * family.model(std::span(inputs[r]).first(result.size()));
        weights += weight;
    }
    squares /= o.reduce == Reduce::avg ? weights * weights : 1;
    if (o.collective != Collective::reduce_scatter && !family.sparse) squares += family.model(result);
    return std::sqrt(squares / power_of(result));
}

double error_of(const std::vector<float>& got, const std::vector<double>& wanted) {
    EXPECT_EQ(got.size(), wanted.size());
    double error = 0, power = 0;
    for (size_t i = 0; i < got.size(); ++i) {
        const double off = static_cast<double>(got[i]) - wanted[i];
        error += off * off;
        power += wanted[i] * wanted[i];
    }
    return std::sqrt(error / power);
}

class CodedError : public testing::TestWithParam<Family> {};

void expect_model(const Family& family, Schedule schedule, uint32_t peers, uint64_t elements) {
    ModelOptions options = matrix_world(schedule, family.codec, peers, elements, kChunk);
    options.window_bytes = 4 << 20;
    options.eager_bytes = 1 << 20;
    const ModelOutcome outcome = run_model(options);
    ASSERT_EQ(outcome.problem, "") << family.codec << " " << name_of(schedule) << " " << peers;
    const std::vector<double> wanted = exact(options, outcome.inputs);
    const double model = expected_error(family, options, outcome.inputs, wanted);
    const double error = error_of(outcome.result, wanted);
    EXPECT_LE(error, 1.5 * model) << name_of(schedule) << " of " << peers;
    EXPECT_GE(error, 0.5 * model) << name_of(schedule) << " of " << peers << ": is it coded at all?";
}

TEST_P(CodedError, IsThatOfTheModel) {
    for (const Schedule schedule : kSchedules)
        for (const uint32_t peers : {2u, 5u, 8u}) expect_model(GetParam(), schedule, peers, 20'021);
    expect_model(GetParam(), Schedule::avg, 3, kLarge);
    expect_model(GetParam(), Schedule::avg, 17, kLarge);
}

TEST_P(CodedError, IsThatOfTheModelForAnyNumberOfMembers) {
    const uint64_t elements = whole_matrix() ? kLarge : kSmall;
    for (const Schedule schedule : kSchedules)
        for (uint32_t peers = 2; peers <= 17; ++peers) expect_model(GetParam(), schedule, peers, elements);
}

// One coding of Gaussian data by the model, by the codec and as others have measured it.
TEST_P(CodedError, OfOneCodingIsTheKnownOne) {
    const ModelOutcome outcome = run_model(matrix_world(Schedule::avg, "none", 2, 200'000, kChunk));
    const std::vector<float>& x = outcome.inputs[0];
    const double model = std::sqrt(GetParam().model(x) / power_of(x));
    const CodecPtr codec = *parse_codec(GetParam().codec);
    double squares = 0;
    for (size_t at = 0; at < x.size(); at += kChunk) {
        const std::span<const float> chunk =
            std::span(x).subspan(at, std::min<size_t>(kChunk, x.size() - at));
        Bytes bytes(codec->encoded_bytes_max(chunk.size()));
        const auto size = codec->encode({.values = chunk, .dither = {1, 2}, .first = at}, bytes);
        std::vector<float> decoded(chunk.size());
        ASSERT_TRUE(size.ok() && codec->decode(ByteSpan(bytes).first(*size), decoded).ok());
        for (size_t i = 0; i < chunk.size(); ++i) decoded[i] -= chunk[i];
        squares += power_of(decoded);
    }
    EXPECT_NEAR(std::sqrt(squares / power_of(x)), model, 0.05 * model);
    if (GetParam().q > 0) { EXPECT_NEAR(model, GetParam().q, 0.06 * GetParam().q); }
}

INSTANTIATE_TEST_SUITE_P(Families, CodedError, testing::ValuesIn(families()), [](const auto& info) {
    std::string out = info.param.codec;
    for (char& c : out) {
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    }
    return out;
});

}  // namespace
}  // namespace whim::op
