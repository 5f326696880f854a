// Goal: sizes are known before encoding.
// Method: the bytes of known formats, counted by hand.
#include "tests/unit/codec/cases.h"

namespace whim {
namespace {

TEST(Sizes, AreThoseOfTheFormats) {
    const std::tuple<const char*, size_t, size_t> cases[] = {
        {"none", 5, 20},
        {"bf16", 5, 10},
        {"fp16", 5, 10},
        {"int8", 0, 0},
        {"int8", 1, 3},
        {"int8", 256, 258},
        {"int8", 257, 261},
        {"int4", 32, 18},
        {"int4", 33, 21},
        {"int4", 35, 22},
        {"int2", 32, 10},
        {"int2", 37, 14},
        {"e2m1", 16, 10},
        {"sign", 256, 34},
        {"sign", 265, 38},
        {"int8:block=whole", 1000, 1002},
        {"int8:block=whole", 0, 0},
        {"e2m1:scale=e8m0", 16, 9},
        {"int4:scale=fp32", 32, 20},
        {"uint8", 256, 262},
        {"uint8", 257, 269},
        {"uint4", 64, 38},
    };
    for (const auto& [text, count, bytes] : cases) {
        EXPECT_EQ(test::codec_of(text)->encoded_bytes_max(count), bytes) << text << " " << count;
    }
}

}  // namespace
}  // namespace whim
