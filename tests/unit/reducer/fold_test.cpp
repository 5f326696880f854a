// Goal: fold() gives exactly the bits its header promises: every reduction, element type, length and
// alignment, on every instruction set of this machine. Method: random bytes (so that NaN, infinities,
// subnormals and signed zeros abound) and random sensible numbers are folded by the kernels under each
// Highway target and by the scalar reference; bytes must be equal.
#include "collectives/reducer/fold.h"

#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"
#include "base/prng.h"
#include "tests/unit/kernels/only_target.h"
#include "tests/unit/reducer/reference_fold.h"

namespace whim {
namespace {

using test::OnlyTarget;
using test::reference_fold;
using test::store;

std::vector<std::pair<Reduce, Dtype>> supported_pairs() {
    std::vector<std::pair<Reduce, Dtype>> pairs;
    for (uint32_t r = 0; r < kReduceCount; ++r) {
        for (uint32_t d = 0; d < kDtypeCount; ++d) {
            const auto reduce = *reduce_from_int(r);
            const auto dtype = *dtype_from_int(d);
            if (reduce_supports(reduce, dtype)) pairs.emplace_back(reduce, dtype);
        }
    }
    return pairs;
}

// Inputs at odd addresses: each starts `skew` bytes into its own storage.
struct Inputs {
    std::vector<Bytes> storage;
    std::vector<FoldInput> folds;
    size_t bytes = 0;

    Inputs(size_t count, size_t size, Prng& random) : storage(count), folds(count), bytes(size) {
        for (size_t k = 0; k < count; ++k) {
            const size_t skew = random.below(9);
            storage[k].resize(size + skew);
            folds[k].bytes = ByteSpan(storage[k]).subspan(skew);
            folds[k].weight = static_cast<float>(random.below(1000)) * 0.37f;
        }
        if (count > 0) folds[0].weight = 1.5f;  // never all zero
    }
    MutableByteSpan writable(size_t k) { return MutableByteSpan(storage[k]).last(bytes); }

    void fill_random(Prng& random) {
        for (size_t k = 0; k < storage.size(); ++k) {
            for (std::byte& b : writable(k)) b = static_cast<std::byte>(random.next());
        }
    }
    // Numbers around one, and small integers where ties and repeats are likely.
    void fill_sensible(Dtype dtype, Prng& random) {
        const size_t count = bytes / dtype_bytes(dtype);
        for (size_t k = 0; k < storage.size(); ++k) {
            for (size_t i = 0; i < count; ++i) {
                const float x = (random.unit_float() - 0.5f) * 4.0f;
                switch (dtype) {
                    case Dtype::f32: store<float>(writable(k), i, x); break;
                    case Dtype::f64: store<double>(writable(k), i, x * 1.000000001); break;
                    case Dtype::f16: store<uint16_t>(writable(k), i, f16_from_f32(x)); break;
                    case Dtype::bf16: store<uint16_t>(writable(k), i, bf16_from_f32(x)); break;
                    default: break;
                }
                if (!dtype_is_float(dtype))
                    writable(k)[i * dtype_bytes(dtype)] = static_cast<std::byte>(random.below(3));
            }
        }
    }
};

std::string describe(Reduce reduce, Dtype dtype, size_t inputs, size_t elements) {
    return std::string(reduce_name(reduce)) + " of " + std::to_string(inputs) + " x " +
           std::to_string(elements) + " " + std::string(dtype_name(dtype));
}

void expect_matches_reference(Reduce reduce, Dtype dtype, const Inputs& inputs) {
    Bytes expected(inputs.bytes);
    reference_fold(reduce, dtype, inputs.folds, expected);
    Bytes storage(inputs.bytes + 1);  // at an odd address
    const MutableByteSpan out = MutableByteSpan(storage).subspan(1);
    fold(reduce, dtype, inputs.folds, out);
    const size_t width = dtype_bytes(dtype);
    for (size_t i = 0; i < inputs.bytes; ++i) {
        ASSERT_EQ(out[i], expected[i]) << describe(reduce, dtype, inputs.folds.size(), inputs.bytes / width)
                                       << ": element " << i / width;
    }
}

class FoldOnTarget : public testing::TestWithParam<int64_t> {};

TEST_P(FoldOnTarget, MatchesTheReference) {
    const OnlyTarget only(GetParam());
    Prng random(11);
    for (const auto& [reduce, dtype] : supported_pairs()) {
        for (const size_t elements : {0u, 1u, 3u, 7u, 16u, 33u, 100u, 1024u, 1025u, 3001u}) {
            for (const size_t count : {1u, 2u, 3u, 5u, 8u}) {
                Inputs inputs(count, elements * dtype_bytes(dtype), random);
                inputs.fill_sensible(dtype, random);
                expect_matches_reference(reduce, dtype, inputs);
                inputs.fill_random(random);
                expect_matches_reference(reduce, dtype, inputs);
            }
        }
    }
}

TEST_P(FoldOnTarget, OutMayBeAnyOneInput) {
    const OnlyTarget only(GetParam());
    Prng random(12);
    for (const auto& [reduce, dtype] : supported_pairs()) {
        for (size_t in_place = 0; in_place < 4; ++in_place) {
            Inputs inputs(4, 2500 * dtype_bytes(dtype), random);
            inputs.fill_sensible(dtype, random);
            Bytes expected(inputs.bytes);
            reference_fold(reduce, dtype, inputs.folds, expected);
            const MutableByteSpan out = inputs.writable(in_place);
            fold(reduce, dtype, inputs.folds, out);
            ASSERT_TRUE(std::equal(out.begin(), out.end(), expected.begin()))
                << describe(reduce, dtype, 4, 2500);
        }
    }
}

// Every f16 and bf16 pattern goes through a fold with itself, and every pair of special values through each
// rule.
TEST_P(FoldOnTarget, AllHalvesAndAllSpecialPairs) {
    const OnlyTarget only(GetParam());
    Prng random(13);
    for (const Dtype dtype : {Dtype::f16, Dtype::bf16}) {
        Inputs inputs(2, 65536 * 2, random);
        for (uint32_t i = 0; i < 65536; ++i) {
            store<uint16_t>(inputs.writable(0), i, static_cast<uint16_t>(i));
            store<uint16_t>(inputs.writable(1), i, static_cast<uint16_t>(i * 40503u + 77));
        }
        for (const Reduce reduce : {Reduce::sum, Reduce::avg, Reduce::min, Reduce::max}) {
            expect_matches_reference(reduce, dtype, inputs);
        }
    }
    const std::vector<uint32_t> specials = {
        0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x3f800000, 0xbf800000,
        0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0xffbfffff};
    Inputs inputs(2, specials.size() * specials.size() * 4, random);
    for (size_t a = 0; a < specials.size(); ++a) {
        for (size_t b = 0; b < specials.size(); ++b) {
            store<uint32_t>(inputs.writable(0), a * specials.size() + b, specials[a]);
            store<uint32_t>(inputs.writable(1), a * specials.size() + b, specials[b]);
        }
    }
    for (const Reduce reduce : {Reduce::sum, Reduce::avg, Reduce::min, Reduce::max}) {
        expect_matches_reference(reduce, Dtype::f32, inputs);
    }
}

TEST_P(FoldOnTarget, FirstNonFiniteIsFoundAtEveryPlace) {
    const OnlyTarget only(GetParam());
    for (const Dtype dtype : {Dtype::f32, Dtype::f64, Dtype::f16, Dtype::bf16}) {
        const size_t width = dtype_bytes(dtype);
        const Bytes infinity =
            dtype == Dtype::f32   ? Bytes{std::byte{0}, std::byte{0}, std::byte{0x80}, std::byte{0x7f}}
            : dtype == Dtype::f64 ? Bytes{{}, {}, {}, {}, {}, {}, std::byte{0xf0}, std::byte{0xff}}
            : dtype == Dtype::f16 ? Bytes{std::byte{0x01}, std::byte{0x7c}}
                                  : Bytes{std::byte{0x80}, std::byte{0xff}};
        for (size_t at = 0; at < 70; ++at) {
            Bytes storage(1 + 70 * width, std::byte{0x11});
            const MutableByteSpan bytes = MutableByteSpan(storage).subspan(1);
            EXPECT_EQ(first_non_finite(dtype, bytes), std::nullopt);
            std::copy(infinity.begin(), infinity.end(), bytes.begin() + static_cast<ptrdiff_t>(at * width));
            std::copy(infinity.begin(), infinity.end(), bytes.begin() + static_cast<ptrdiff_t>(69 * width));
            EXPECT_EQ(first_non_finite(dtype, bytes), at) << dtype_name(dtype);
        }
    }
}

WHIM_INSTANTIATE_FOR_TARGETS(FoldOnTarget);

std::vector<float> fold_f32(Reduce reduce, const std::vector<std::vector<float>>& xs,
                            const std::vector<float>& weights) {
    std::vector<FoldInput> inputs;
    for (size_t k = 0; k < xs.size(); ++k) inputs.push_back({std::as_bytes(std::span(xs[k])), weights[k]});
    std::vector<float> out(xs[0].size());
    fold(reduce, Dtype::f32, inputs, std::as_writable_bytes(std::span(out)));
    return out;
}

TEST(Fold, WeightedMeanByHand) {
    EXPECT_EQ(fold_f32(Reduce::avg, {{1, 10}, {4, 20}}, {1, 2}), (std::vector<float>{3, 50.0f / 3}));
    EXPECT_EQ(fold_f32(Reduce::avg, {{1}, {100}}, {1, 0}), std::vector<float>{1});
}

TEST(Fold, OrderOfInputsIsTheOrderOfAdditions) {
    EXPECT_EQ(fold_f32(Reduce::sum, {{1e8f}, {-1e8f}, {1}}, {1, 1, 1}), std::vector<float>{1});
    EXPECT_EQ(fold_f32(Reduce::sum, {{1}, {1e8f}, {-1e8f}}, {1, 1, 1}), std::vector<float>{0});
}

TEST(Fold, SumOfOneInputKeepsEveryBitAndAvgFollowsItsFormula) {
    const float signalling = std::bit_cast<float>(0x7f800001u);
    EXPECT_EQ(std::bit_cast<uint32_t>(fold_f32(Reduce::sum, {{signalling}}, {1})[0]), 0x7f800001u);
    EXPECT_EQ(std::bit_cast<uint32_t>(fold_f32(Reduce::avg, {{signalling}}, {1})[0]), kNanF32);
    EXPECT_EQ(fold_f32(Reduce::avg, {{3e38f}}, {10})[0], std::numeric_limits<float>::infinity());
}

TEST(Fold, IntegerSumsWrap) {
    const std::vector<int8_t> a = {127, -128, 100}, b = {1, -1, 100};
    std::vector<int8_t> out(3);
    const FoldInput inputs[] = {{std::as_bytes(std::span(a))}, {std::as_bytes(std::span(b))}};
    fold(Reduce::sum, Dtype::i8, inputs, std::as_writable_bytes(std::span(out)));
    EXPECT_EQ(out, (std::vector<int8_t>{-128, 127, -56}));
}

TEST(Fold, MajorityCountsAndBreaksTiesDownwards) {
    const std::vector<std::vector<int32_t>> xs = {{5, 1, -7}, {5, 2, 3}, {-9, 2, -7}, {0, 1, 3}};
    std::vector<FoldInput> inputs;
    for (const auto& x : xs) inputs.push_back({std::as_bytes(std::span(x))});
    std::vector<int32_t> out(3);
    fold(Reduce::majority, Dtype::i32, inputs, std::as_writable_bytes(std::span(out)));
    EXPECT_EQ(out, (std::vector<int32_t>{5, 1, -7}));
}

TEST(Fold, AsManyInputsAsAViewHasMembers) {
    Prng random(14);
    Inputs inputs(limits::kMembersMax, 40, random);
    inputs.fill_sensible(Dtype::f32, random);
    expect_matches_reference(Reduce::avg, Dtype::f32, inputs);
    expect_matches_reference(Reduce::majority, Dtype::u64, inputs);
}

TEST(Fold, BrokenPreconditionsStopTheProcess) {
    Bytes four(4), eight(8);
    const FoldInput short_input[] = {{four}};
    EXPECT_DEATH(fold(Reduce::sum, Dtype::f32, {}, four), "inputs.empty");
    EXPECT_DEATH(fold(Reduce::sum, Dtype::f32, short_input, eight), "size");
    EXPECT_DEATH(fold(Reduce::avg, Dtype::i32, short_input, four), "reduce_supports");
}

TEST(CheckWeights, AcceptsWhatDefinesAMean) {
    EXPECT_TRUE(check_weights(std::vector<float>{0, 1e-30f, 5}));
    const float infinity = std::numeric_limits<float>::infinity();
    for (const auto& bad :
         {std::vector<float>{}, {0, 0}, {1, -1}, {-0.5f}, {infinity}, {std::nanf("")}, {3e38f, 3e38f}}) {
        const Status status = check_weights(bad);
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error().code, Code::E_WEIGHTS);
    }
}

}  // namespace
}  // namespace whim
