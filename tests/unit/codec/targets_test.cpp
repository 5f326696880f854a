// Goal: the same bytes, elements and sums on every instruction set of the machine.
// Method: every codec on every kind of data, on each Highway target, against the machine's own choice.
#include "collectives/kernels/feedback.h"
#include "tests/unit/codec/cases.h"
#include "tests/unit/kernels/only_target.h"

namespace whim {
namespace {

using namespace test;

class CodecOnTarget : public testing::TestWithParam<int64_t> {};

TEST_P(CodecOnTarget, GivesTheBitsOfTheOthers) {
    for (const std::string& text : all_codecs()) {
        const CodecPtr codec = codec_of(text);
        for (const Data data : kData) {
            for (const size_t count : {1u, 33u, 1025u, 4099u}) {
                const auto x = make_values(data, count, codec->magnitude_max(), count);
                const Bytes bytes = encoded(*codec, {.values = x, .divisor = 1.5f});
                const auto elements = decoded(*codec, bytes, count);
                std::vector<float> sums(count, 0.25f), sums_here = sums;
                ASSERT_TRUE(codec->accumulate(bytes, 0.3f, sums).ok());
                const OnlyTarget only(GetParam());
                ASSERT_EQ(encoded(*codec, {.values = x, .divisor = 1.5f}), bytes) << text << " " << count;
                ASSERT_EQ(bits_of(decoded(*codec, bytes, count)), bits_of(elements)) << text << " " << count;
                ASSERT_TRUE(codec->accumulate(bytes, 0.3f, sums_here).ok());
                ASSERT_EQ(bits_of(sums_here), bits_of(sums)) << text << " " << count;
            }
        }
    }
}

// Every length of what is left after the last vector, from buffers that begin anywhere.
TEST_P(CodecOnTarget, GivesTheBitsOfTheOthersForEveryTail) {
    for (const std::string& text : all_codecs()) {
        const CodecPtr codec = codec_of(text);
        for (size_t count = 1; count <= 80; ++count) {
            const auto values = make_values(Data::heavy, count + 1, 1e4f, count);
            const std::span<const float> x = std::span(values).subspan(1);
            const Bytes bytes = encoded(*codec, {.values = x});
            const auto elements = decoded(*codec, bytes, count);
            std::vector<float> sums(count + 1, 0.25f), sums_here = sums;
            ASSERT_TRUE(codec->accumulate(bytes, 0.3f, std::span(sums).subspan(1)).ok());
            const OnlyTarget only(GetParam());
            Bytes room(codec->encoded_bytes_max(count) + 2, std::byte{0x5a});
            const MutableByteSpan odd = MutableByteSpan(room).subspan(1, room.size() - 2);
            const auto size = codec->encode({.values = x, .dither = dither_of_tests()}, odd);
            ASSERT_TRUE(size.ok());
            ASSERT_EQ(Bytes(odd.begin(), odd.begin() + static_cast<std::ptrdiff_t>(*size)), bytes) << text;
            ASSERT_TRUE(room.front() == std::byte{0x5a} && room.back() == std::byte{0x5a}) << text;
            const ByteSpan made = ByteSpan(odd).first(*size);
            ASSERT_TRUE(codec->check(made, count).ok());
            ASSERT_EQ(bits_of(decoded(*codec, made, count)), bits_of(elements)) << text << " " << count;
            ASSERT_TRUE(codec->accumulate(made, 0.3f, std::span(sums_here).subspan(1)).ok());
            ASSERT_EQ(bits_of(sums_here), bits_of(sums)) << text << " " << count;
        }
    }
}

TEST_P(CodecOnTarget, ErrorFeedbackAddsTheSameBits) {
    for (const size_t count : {1u, 7u, 16u, 63u, 1000u}) {
        const auto residual = make_values(Data::heavy, count, 1e4f, 1);
        const auto update = make_values(Data::subnormal, count, 1e4f, 2);
        std::vector<float> out(count), in_place = update;
        const OnlyTarget only(GetParam());
        kernels::add_residual(0.9f, residual, update, out);
        kernels::add_residual(0.9f, residual, in_place, in_place);
        for (size_t i = 0; i < count; ++i) {
            volatile float kept = 0.9f * residual[i];
            const float wanted = kept + update[i];
            ASSERT_EQ(std::bit_cast<uint32_t>(out[i]), std::bit_cast<uint32_t>(wanted));
        }
        ASSERT_EQ(bits_of(in_place), bits_of(out));
    }
}

WHIM_INSTANTIATE_FOR_TARGETS(CodecOnTarget);

}  // namespace
}  // namespace whim
