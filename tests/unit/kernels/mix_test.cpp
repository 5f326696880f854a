// Goal: gossip's element loops give the bits of their scalar definition on every instruction set and for
// every float, NaN included, leave members alone who agree, and give both members of a pair the same bits.
// Method: random buffers of awkward lengths and alignment, with special values, against a loop of single
// operations.
#include "collectives/kernels/mix.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/prng.h"
#include "collectives/kernels/half.h"
#include "tests/unit/kernels/only_target.h"

namespace whim::kernels {
namespace {

constexpr size_t kLengths[] = {0, 1, 3, 8, 9, 63, 64, 65, 1000};

// How elements of a dtype are read and written, one at a time.
struct OfF32 {
    using Acc = float;
    static constexpr Dtype kDtype = Dtype::f32;
    static Acc read(const std::byte* at) { return get<float>(at); }
    static void write(Acc x, std::byte* at) { put(std::isnan(x) ? std::bit_cast<float>(kNanF32) : x, at); }
    template <class T> static T get(const std::byte* at) {
        T value;
        std::memcpy(&value, at, sizeof value);
        return value;
    }
    template <class T> static void put(T value, std::byte* at) { std::memcpy(at, &value, sizeof value); }
};
struct OfF64 {
    using Acc = double;
    static constexpr Dtype kDtype = Dtype::f64;
    static Acc read(const std::byte* at) { return OfF32::get<double>(at); }
    static void write(Acc x, std::byte* at) {
        OfF32::put(std::isnan(x) ? std::bit_cast<double>(kNanF64) : x, at);
    }
};
struct OfF16 {
    using Acc = float;
    static constexpr Dtype kDtype = Dtype::f16;
    static Acc read(const std::byte* at) { return f32_from_f16(OfF32::get<uint16_t>(at)); }
    static void write(Acc x, std::byte* at) { OfF32::put(f16_from_f32(x), at); }
};
struct OfBf16 {
    using Acc = float;
    static constexpr Dtype kDtype = Dtype::bf16;
    static Acc read(const std::byte* at) { return f32_from_bf16(OfF32::get<uint16_t>(at)); }
    static void write(Acc x, std::byte* at) { OfF32::put(bf16_from_f32(x), at); }
};

// One element in ten is any bits; the others are from -1 to 1. A byte in front of them, so that nothing is
// aligned.
template <class Of> class Buffer {
public:
    static constexpr size_t kBytes = Of::kDtype == Dtype::f64 ? 8 : Of::kDtype == Dtype::f32 ? 4 : 2;

    Buffer(size_t count, Prng& random) : bytes_(1 + count * kBytes) {
        for (size_t i = 0; i < count; ++i) {
            const uint64_t bits = random.next();
            if (random.chance(1, 10)) std::memcpy(at(i), &bits, kBytes);
            else Of::write(static_cast<typename Of::Acc>(random.unit_float() * 2 - 1), at(i));
        }
    }
    std::byte* at(size_t i) { return bytes_.data() + 1 + i * kBytes; }
    typename Of::Acc read(size_t i) const { return Of::read(bytes_.data() + 1 + i * kBytes); }
    operator ByteSpan() const { return ByteSpan(bytes_).subspan(1); }
    operator MutableByteSpan() { return MutableByteSpan(bytes_).subspan(1); }
    bool operator==(const Buffer&) const = default;

private:
    Bytes bytes_;
};

// Volatile, so that no compiler fuses a product with a sum.
template <class Acc> Acc moved(Acc sum, Acc from, Acc to, float part) {
    volatile Acc difference = to - from;
    volatile Acc share = static_cast<Acc>(part) * difference;
    return sum + share;
}

template <class Of> void expect_the_definition() {
    Prng random(31);
    for (const size_t count : kLengths) {
        for (const uint32_t kind : {0u, 1u, 2u, 3u}) {
            const bool shows = kind & 1, accelerated = kind & 2;
            for (const size_t neighbours : {0u, 1u, 2u, 5u}) {
                const Buffer<Of> own(count, random), shown(count, random), previous(count, random);
                std::vector<Buffer<Of>> others;
                for (size_t k = 0; k < neighbours; ++k) others.emplace_back(count, random);
                std::vector<MixInput> inputs;
                for (const auto& other : others) inputs.push_back({other, random.unit_float() / 4});
                MixStep step{.dtype = Of::kDtype, .own = own, .inputs = inputs};
                if (shows) step.shown = shown;
                if (accelerated) step.omega = 1.37f, step.previous = previous;
                Buffer<Of> expected(count, random);
                for (size_t i = 0; i < count; ++i) {
                    typename Of::Acc sum = own.read(i);
                    const typename Of::Acc from = shows ? shown.read(i) : own.read(i);
                    for (size_t k = 0; k < neighbours; ++k)
                        sum = moved(sum, from, others[k].read(i), inputs[k].weight);
                    if (accelerated) sum = moved(previous.read(i), previous.read(i), sum, 1.37f);
                    Of::write(sum, expected.at(i));
                }
                Buffer<Of> out(count, random), in_own = own, in_previous = previous;
                mix(step, out);
                ASSERT_TRUE(out == expected) << dtype_name(Of::kDtype) << " " << count << " " << kind;
                step.own = in_own;
                mix(step, in_own);
                ASSERT_TRUE(in_own == expected) << dtype_name(Of::kDtype) << " " << count << " " << kind;
                if (!accelerated) continue;
                step.own = own;
                step.previous = in_previous;
                mix(step, in_previous);
                ASSERT_TRUE(in_previous == expected) << dtype_name(Of::kDtype) << " " << count;
            }
        }
    }
}

template <class Of> void expect_pairs_alike() {
    Prng random(32);
    for (const size_t count : kLengths) {
        const Buffer<Of> a(count, random), b(count, random);
        Buffer<Of> expected(count, random), at_a(count, random), at_b(count, random);
        for (size_t i = 0; i < count; ++i) {
            volatile typename Of::Acc sum = a.read(i) + b.read(i);
            Of::write(0.5f * sum, expected.at(i));
        }
        mix({.dtype = Of::kDtype, .own = a, .inputs = std::vector<MixInput>{{b, 0.5f}}}, at_a);
        mix({.dtype = Of::kDtype, .own = b, .inputs = std::vector<MixInput>{{a, 0.5f}}}, at_b);
        EXPECT_TRUE(at_a == expected) << dtype_name(Of::kDtype) << " " << count;
        EXPECT_TRUE(at_b == expected) << dtype_name(Of::kDtype) << " " << count;
    }
}

class MixOnTarget : public testing::TestWithParam<int64_t> {};

TEST_P(MixOnTarget, MatchesTheDefinitionAlsoInPlace) {
    const whim::test::OnlyTarget only(GetParam());
    ASSERT_NO_FATAL_FAILURE(expect_the_definition<OfF32>());
    ASSERT_NO_FATAL_FAILURE(expect_the_definition<OfF64>());
    ASSERT_NO_FATAL_FAILURE(expect_the_definition<OfF16>());
    ASSERT_NO_FATAL_FAILURE(expect_the_definition<OfBf16>());
}

TEST_P(MixOnTarget, BothOfAPairComputeTheSameBits) {
    const whim::test::OnlyTarget only(GetParam());
    expect_pairs_alike<OfF32>();
    expect_pairs_alike<OfF64>();
    expect_pairs_alike<OfF16>();
    expect_pairs_alike<OfBf16>();
}

WHIM_INSTANTIATE_FOR_TARGETS(MixOnTarget);

TEST(Mix, MembersWhoAgreeStayAsTheyAre) {
    Prng random(34);
    std::vector<float> floats(257);
    for (float& x : floats) x = (random.unit_float() - 0.5f) * 1e30f;
    const ByteSpan same = std::as_bytes(std::span(floats));
    Bytes out(same.size());
    const auto stayed = [&] { return std::memcmp(out.data(), same.data(), out.size()) == 0; };
    mix({.own = same, .inputs = std::vector<MixInput>{{same, 1.0f / 3}, {same, 1.0f / 7}}}, out);
    EXPECT_TRUE(stayed());
    mix({.own = same, .inputs = std::vector<MixInput>{{same, 0.5f}}}, out);
    EXPECT_TRUE(stayed());
    mix({.own = same, .shown = same, .inputs = std::vector<MixInput>{{same, 0.5f}}}, out);
    EXPECT_TRUE(stayed());
    mix({.own = same, .omega = 1.9f, .previous = same}, out);
    EXPECT_TRUE(stayed());
}

}  // namespace
}  // namespace whim::kernels
