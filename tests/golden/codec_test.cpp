// Goal: no bit of a codec changes unnoticed, for members of two versions would compute other bits.
// Method: codec.txt, written by make_codec_vectors.py from the documented formats, on every instruction set.
#include <bit>
#include <cstring>

#include "collectives/codec/parse.h"
#include "tests/golden/vector_file.h"
#include "tests/unit/codec/cases.h"
#include "tests/unit/kernels/only_target.h"

namespace whim {
namespace {

std::vector<float> floats_of(const Bytes& bytes) {
    std::vector<float> out(bytes.size() / sizeof(float));
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
}

Bytes bytes_of(const std::vector<float>& floats) {
    Bytes out(floats.size() * sizeof(float));
    std::memcpy(out.data(), floats.data(), out.size());
    return out;
}

class GoldenCodec : public testing::TestWithParam<int64_t> {};

TEST_P(GoldenCodec, EveryVectorComesOut) {
    const test::OnlyTarget only(GetParam());
    const auto vectors = test::read_vectors("codec.txt");
    ASSERT_GE(vectors.size(), 250u);
    for (const auto& words : vectors) {
        const auto codec = parse_codec(words[0]);
        ASSERT_TRUE(codec.ok()) << codec.error().detail;
        const auto values = floats_of(test::from_hex(words[2]));
        const Values in{
            .values = values,
            .divisor = std::bit_cast<float>(static_cast<uint32_t>(std::stoul(words[1], nullptr, 16))),
            .dither = {0x0123456789abcdefull, 0xfedcba9876543210ull}};
        Bytes out((*codec)->encoded_bytes_max(values.size()));
        const auto bytes = (*codec)->encode(in, out);
        ASSERT_TRUE(bytes.ok()) << bytes.error().detail;
        out.resize(*bytes);
        ASSERT_EQ(out, test::from_hex(words[4])) << words[0] << " of " << values.size();
        std::vector<float> decoded(values.size());
        ASSERT_TRUE((*codec)->decode(out, decoded).ok());
        ASSERT_EQ(bytes_of(decoded), test::from_hex(words[5])) << words[0] << " of " << values.size();
    }
}

// FNV-1a of what every codec makes of data that the vectors are too short for.
TEST_P(GoldenCodec, EveryCodecKeepsItsDigest) {
    const test::OnlyTarget only(GetParam());
    uint64_t digest = 0xcbf29ce484222325ull;
    const auto add = [&](ByteSpan bytes) {
        for (const std::byte b : bytes) digest = (digest ^ static_cast<uint64_t>(b)) * 0x100000001b3ull;
    };
    std::vector<std::string> codecs = test::dense_codecs();
    codecs.insert(codecs.end(), {"topk:1/64", "topk:1/16,chunk=256,index=packed,values=e4m3"});
    for (const std::string& text : codecs) {
        const auto codec = test::codec_of(text);
        for (const test::Data data : test::kData) {
            const auto x = test::make_values(data, 4099, codec->magnitude_max(), 12);
            const Bytes bytes = test::encoded(*codec, {.values = x, .divisor = 1.25f});
            std::vector<float> sums(x.size(), 0.5f);
            EXPECT_TRUE(codec->accumulate(bytes, 0.3f, sums).ok());
            add(bytes);
            add(bytes_of(test::decoded(*codec, bytes, x.size())));
            add(bytes_of(sums));
        }
    }
    EXPECT_EQ(digest, 0x309cab0ca490c4b9ull);
}

WHIM_INSTANTIATE_FOR_TARGETS(GoldenCodec);

}  // namespace
}  // namespace whim
