// Goal: the battery passes what keeps the contract, all codecs of the library among it, and names the broken
// property of what does not, with an input that shows it. Method: one wrong codec for each property, made of
// a good one.
#include "collectives/codec/conformance.h"

#include "tests/unit/codec/cases.h"
#include "tests/unit/codec/custom_parts.h"
#include "tests/unit/codec/report.h"

namespace whim {
namespace {

using namespace test;

// A codec of the library as if the application had made it.
CodecParts parts_like(const CodecPtr& codec, bool accumulates) {
    CodecParts parts;
    parts.name = "of-library";
    parts.cut_elements = codec->cut_elements();
    parts.sparse = codec->sparse();
    parts.magnitude_max = codec->magnitude_max();
    parts.bytes_max = [codec](size_t count) { return codec->encoded_bytes_max(count); };
    parts.encode = [codec](const Values& in, MutableByteSpan out) -> std::optional<size_t> {
        const auto bytes = codec->encode(in, out);
        return bytes.ok() ? std::optional(*bytes) : std::nullopt;
    };
    parts.decode = [codec](ByteSpan bytes, std::span<float> out) { return codec->decode(bytes, out).ok(); };
    if (accumulates)
        parts.accumulate = [codec](ByteSpan bytes, float weight, std::span<float> acc) {
            return codec->accumulate(bytes, weight, acc).ok();
        };
    return parts;
}

class OfLibrary : public testing::TestWithParam<const char*> {};

TEST_P(OfLibrary, KeepsTheContract) {
    const auto report = codec_conformance(parts_like(codec_of(GetParam()), true));
    EXPECT_TRUE(report.good) << GetParam() << ": " << report.text;
}

INSTANTIATE_TEST_SUITE_P(Codecs, OfLibrary,
                         testing::Values("none", "bf16", "fp16:round=stochastic", "int8", "int4:block=64",
                                         "int2:round=stochastic", "uint8", "uint4:block=16", "e4m3", "e2m1",
                                         "sign", "int8:block=whole", "topk:1/4,chunk=64",
                                         "topk:1/16,chunk=32,index=packed,values=int4", "int8+zstd"));

TEST(Conformance, AGoodOne) {
    const auto report = codec_conformance(custom_parts());
    EXPECT_TRUE(report.good) << report.text;
    EXPECT_NE(report.text.find("codec test-bytes: all 11 properties hold in "), std::string::npos);
    EXPECT_EQ(codec_conformance(custom_parts()).text, report.text);
}

struct Wrong {
    const char* property;
    const char* words;  // of its line in the report
    void (*change)(CodecParts& parts);
};

class WrongCodec : public testing::TestWithParam<Wrong> {};

TEST_P(WrongCodec, IsCaughtByName) {
    CodecParts parts = custom_parts();
    GetParam().change(parts);
    const auto report = codec_conformance(parts);
    ASSERT_FALSE(report.good);
    test::expect_named(report.text, GetParam().property, GetParam().words);
}

bool good_accumulate(ByteSpan bytes, float weight, std::span<float> acc) {
    std::vector<float> elements(acc.size());
    if (!custom_decode(bytes, elements)) return false;
    for (size_t i = 0; i < acc.size(); ++i) {
        const float product = weight * elements[i];
        acc[i] = acc[i] + product;
    }
    return true;
}

const Wrong kWrong[] = {
    {"bytes_max", "changes from call to call",
     [](CodecParts& p) {
         auto calls = std::make_shared<size_t>(0);
         p.bytes_max = [calls](size_t count) { return custom_bytes(count) + (++*calls % 3); };
     }},
    {"bytes_max", "more for one element less",
     [](CodecParts& p) {
         p.bytes_max = [](size_t count) { return custom_bytes(count) + (count % 16 == 15 ? 9 : 0); };
     }},
    {"bounds", "encode writes outside",
     [](CodecParts& p) {
         p.encode = [](const Values& in, MutableByteSpan out) {
             out.data()[out.size()] = std::byte{0};
             return custom_encode(in, out);
         };
     }},
    {"bounds", "decode writes outside",
     [](CodecParts& p) {
         p.decode = [](ByteSpan bytes, std::span<float> out) {
             if (!out.empty()) out.data()[-1] = 0;
             return custom_decode(bytes, out);
         };
     }},
    {"bounds", "accumulate writes outside",
     [](CodecParts& p) {
         p.accumulate = [](ByteSpan bytes, float weight, std::span<float> acc) {
             acc.data()[acc.size()] = 1.0f;
             return good_accumulate(bytes, weight, acc);
         };
     }},
    {"bounds", "accumulate writes outside its 7 elements",
     [](CodecParts& p) {
         p.accumulate = [](ByteSpan bytes, float weight, std::span<float> acc) {  // one too many
             const bool good = good_accumulate(bytes, weight, acc);
             if (acc.size() == 7) acc.data()[7] += weight * acc[6];
             return good;
         };
     }},
    {"accepts", "encode fails",
     [](CodecParts& p) {
         p.encode = [](const Values& in, MutableByteSpan out) -> std::optional<size_t> {
             for (const float x : in.values) {
                 if (std::fpclassify(x) == FP_SUBNORMAL) return std::nullopt;
             }
             return custom_encode(in, out);
         };
     }},
    {"length", "bytes_max",
     [](CodecParts& p) {
         p.encode = [](const Values& in, MutableByteSpan out) {
             return std::optional(*custom_encode(in, out) + 1);
         };
     }},
    {"repeats", "other bytes",
     [](CodecParts& p) {
         auto last = std::make_shared<float>(0);
         p.encode = [last](const Values& in, MutableByteSpan out) {  // what came before shows
             const auto bytes = custom_encode(in, out);
             if (*bytes > 4) out[4] = static_cast<std::byte>(static_cast<int>(*last));
             *last = in.values.empty() ? 0 : static_cast<float>(in.values.size() % 50);
             return bytes;
         };
     }},
    {"repeats", "leaves some unwritten",
     [](CodecParts& p) {
         p.decode = [](ByteSpan bytes, std::span<float> out) {
             const float last = out.empty() ? 0 : out.back();
             const bool good = custom_decode(bytes, out);
             if (out.size() == 17) out.back() = last;
             return good;
         };
     }},
    {"opens", "refuses what encode made",
     [](CodecParts& p) {
         p.decode = [](ByteSpan bytes, std::span<float> out) {
             return out.size() % 16 != 1 && custom_decode(bytes, out);
         };
     }},
    {"finite", "decodes to inf",
     [](CodecParts& p) {
         p.decode = [](ByteSpan bytes, std::span<float> out) {
             const bool good = custom_decode(bytes, out);
             for (float& x : out) x = std::fabs(x) > 3e38f ? INFINITY : x;
             return good;
         };
     }},
    {"accumulate", "decoded and added",
     [](CodecParts& p) {
         p.accumulate = [](ByteSpan bytes, float weight, std::span<float> acc) {  // one rounding
             std::vector<float> elements(acc.size());
             if (!custom_decode(bytes, elements)) return false;
             for (size_t i = 0; i < acc.size(); ++i) acc[i] = std::fma(weight, elements[i], acc[i]);
             return true;
         };
     }},
    {"accumulate", "takes what decode refuses",
     [](CodecParts& p) {
         p.accumulate = [](ByteSpan bytes, float weight, std::span<float> acc) {
             return bytes.size() < custom_bytes(acc.size()) || good_accumulate(bytes, weight, acc);
         };
     }},
    {"truncated", "decode takes the first",
     [](CodecParts& p) {
         p.decode = [](ByteSpan bytes, std::span<float> out) {
             Bytes padded(bytes.begin(), bytes.end());
             padded.resize(custom_bytes(out.size()));
             return custom_decode(padded, out);
         };
     }},
    {"truncated", "after the end",
     [](CodecParts& p) {
         p.bytes_max = [](size_t count) { return custom_bytes(count) + 8; };
         p.decode = [](ByteSpan bytes, std::span<float> out) {
             return bytes.size() >= custom_bytes(out.size()) &&
                    custom_decode(bytes.first(custom_bytes(out.size())), out);
         };
     }},
    {"hostile", "not finite",
     [](CodecParts& p) {
         p.decode = [](ByteSpan bytes, std::span<float> out) {  // trusts the scale
             if (bytes.size() != custom_bytes(out.size())) return false;
             for (size_t i = 0; i < out.size(); ++i) {
                 float scale;
                 std::memcpy(&scale, bytes.data() + i / 16 * 20, sizeof scale);
                 const auto code = static_cast<int8_t>(bytes[i / 16 * 20 + 4 + i % 16]);
                 out[i] = static_cast<float>(code) * scale;
             }
             return true;
         };
     }},
    {"pieces", "decodes otherwise by itself",
     [](CodecParts& p) {  // one scale for all
         p.bytes_max = [](size_t count) { return count + 4; };
         p.encode = [](const Values& in, MutableByteSpan out) {
             float largest = 0;
             for (const float x : in.values) largest = std::max(largest, std::fabs(x));
             const float scale = largest / 100;
             std::memcpy(out.data(), &scale, sizeof scale);
             for (size_t i = 0; i < in.values.size(); ++i)
                 out[4 + i] = static_cast<std::byte>(
                     static_cast<int8_t>(largest < 1e-30f ? 0 : std::lrint(in.values[i] / scale)));
             return std::optional(in.values.size() + 4);
         };
         p.decode = [](ByteSpan bytes, std::span<float> out) {
             float scale;
             if (bytes.size() != out.size() + 4) return false;
             std::memcpy(&scale, bytes.data(), sizeof scale);
             if (!(scale >= 0 && scale < 3.4e36f)) return false;
             for (size_t i = 0; i < out.size(); ++i)
                 out[i] = static_cast<float>(std::clamp<int>(static_cast<int8_t>(bytes[4 + i]), -100, 100)) *
                          scale;
             return true;
         };
     }},
};

INSTANTIATE_TEST_SUITE_P(Conformance, WrongCodec, testing::ValuesIn(kWrong), [](const auto& info) {
    return std::string(info.param.property) + std::to_string(info.index);
});

}  // namespace
}  // namespace whim
