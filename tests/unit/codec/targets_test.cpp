// Goal: the same bytes, elements and sums on every instruction set of the machine.
// Method: every codec on every kind of data, on each Highway target, against the machine's own choice.
#include "tests/unit/codec/cases.h"
#include "tests/unit/kernels/only_target.h"

namespace whim {
namespace {

using namespace test;

class CodecOnTarget : public testing::TestWithParam<int64_t> {};

TEST_P(CodecOnTarget, GivesTheBitsOfTheOthers) {
    for (const std::string& text : dense_codecs()) {
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

WHIM_INSTANTIATE_FOR_TARGETS(CodecOnTarget);

}  // namespace
}  // namespace whim
