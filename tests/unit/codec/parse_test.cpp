// Goal: every codec has a text, canonical texts come back, and mistakes are explained.
#include "tests/unit/codec/cases.h"

namespace whim {
namespace {

TEST(Parse, CanonicalTextsComeBack) {
    for (const std::string& text : test::dense_codecs()) {
        const std::string canonical = test::codec_of(text)->text();
        EXPECT_EQ(test::codec_of(canonical)->text(), canonical);
    }
}

TEST(Parse, DefaultsAreLeftOut) {
    EXPECT_EQ(test::codec_of("int8:block=256,scale=bf16,round=nearest")->text(), "int8");
    EXPECT_EQ(test::codec_of("int4:round=stochastic,scale=fp16,block=64")->text(),
              "int4:block=64,scale=fp16,round=stochastic");
    EXPECT_EQ(test::codec_of("e3m0:block=whole")->text(), "e3m0:block=whole");
}

TEST(Parse, MistakesAreExplained) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "codec '': there is no codec ''; there are: none, bf16"},
        {"int7", "codec 'int7': there is no codec 'int7'"},
        {"int8:", "nothing follows the colon"},
        {"int8:blok=64", "'blok' is no parameter; there are: block, scale, round"},
        {"int8:block=64,block=32", "'block' stands twice"},
        {"int8:block=17", "block=17 is not a multiple of 16 from 16 to 65536, nor whole"},
        {"int8:block=0", "block=0 is not"},
        {"int8:block=99999999999999999999", "block=99999999999999999999 is not"},
        {"uint8:block=whole", "block=whole is not a multiple of 16 from 16 to 1024"},
        {"int8:scale=f8", "scale=f8 is none of bf16, fp16, fp32, e8m0"},
        {"int8:round=up", "round=up is neither nearest nor stochastic"},
        {"int8:=3", "'=3' is no parameter"},
        {"int8:block=", "'block=' is no parameter"},
        {"int8:,", "'' is no parameter"},
        {"int8:64", "'64' is no parameter; there are: block, scale, round"},
        {"none:round=stochastic", "'round': there are no parameters"},
        {"sign:round=stochastic", "'round' is no parameter; there are: block, scale"},
    };
    for (const auto& [text, detail] : cases) {
        const auto codec = parse_codec(text);
        ASSERT_FALSE(codec.ok()) << text;
        EXPECT_EQ(codec.error().code, Code::E_INVALID);
        EXPECT_NE(codec.error().detail.find(detail), std::string::npos) << codec.error().detail;
    }
    EXPECT_FALSE(parse_codec(std::string(1000, 'x')).ok());
}

}  // namespace
}  // namespace whim
