// What the codec tests go through: every codec in several forms, and data of every awkward kind.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "base/prng.h"
#include "collectives/codec/parse.h"

namespace whim::test {

inline CodecPtr codec_of(std::string_view text) {
    auto codec = parse_codec(text);
    if (!codec.ok()) {
        ADD_FAILURE() << codec.error().detail;
        return *parse_codec("none");
    }
    return *codec;
}

// Codecs that code each block, or element, by itself.
inline std::vector<std::string> dense_codecs() {
    std::vector<std::string> out = {"none", "bf16", "fp16", "bf16:round=stochastic", "fp16:round=stochastic"};
    for (const char* name :
         {"int8", "int4", "int2", "e4m3", "e5m2", "e2m1", "e3m0", "uint8", "uint4", "uint2"}) {
        const std::string n = name;
        out.insert(out.end(), {n, n + ":round=stochastic", n + ":block=16", n + ":block=48,scale=fp32",
                               n + ":block=1024,scale=fp16", n + ":block=32,scale=e8m0"});
        if (n[0] != 'u') out.insert(out.end(), {n + ":block=2048", n + ":block=whole,round=stochastic"});
    }
    out.insert(out.end(),
               {"sign", "sign:block=16", "sign:block=whole", "sign:block=4096", "sign:scale=e8m0"});
    return out;
}

// Those, and what is made of them.
inline std::vector<std::string> all_codecs() {
    std::vector<std::string> out = dense_codecs();
    out.insert(out.end(), {"topk:1/64", "topk:1/4,chunk=16,index=packed", "topk:1/1,values=none",
                           "topk:3/16,chunk=48,values=bf16", "topk:1/32,chunk=65536,values=sign",
                           "topk:1/8,chunk=256,values=int4,block=16,round=stochastic",
                           "topk:1/100,values=uint8,scale=fp16", "topk:1/16,values=e4m3,block=whole",
                           "none+zstd", "bf16+zstd", "fp16:round=stochastic+zstd", "int8+zstd:level=3",
                           "uint4+zstd", "e3m0:block=whole+zstd", "topk:1/8,chunk=64+zstd",
                           "topk:1/8,chunk=64,values=bf16,index=packed+zstd"});
    return out;
}

inline const size_t kCounts[] = {0, 1, 2, 15, 16, 17, 31, 33, 255, 257, 1000, 1024, 1025, 4099};

enum class Data { ordinary, heavy, tiny, zeros, zero_blocks, negative, subnormal, extreme, constant, ties };
inline const Data kData[] = {Data::ordinary,    Data::heavy,    Data::tiny,      Data::zeros,
                             Data::zero_blocks, Data::negative, Data::subnormal, Data::extreme,
                             Data::constant,    Data::ties};

inline float element(Data data, size_t i, float magnitude_max, Prng& random) {
    const float u = random.unit_float() * 2 - 1;
    switch (data) {
        case Data::ordinary: return u;
        case Data::heavy: return u / (random.unit_float() + 0.001f);
        case Data::tiny: return u * 1e-30f;
        case Data::zeros: return random.chance(1, 2) ? 0.0f : -0.0f;
        case Data::zero_blocks: return i / 64 % 2 == 0 ? -0.0f : u;
        case Data::negative: return -1.0f - random.unit_float();
        case Data::subnormal: return std::bit_cast<float>(static_cast<uint32_t>(random.next()) & 0x807fffffu);
        case Data::extreme:
            return random.chance(1, 3) ? (u < 0 ? -magnitude_max : magnitude_max) : u * magnitude_max;
        case Data::constant: return -0.1f;
        case Data::ties: return static_cast<float>(random.between(-896, 896)) / 2;
    }
    return 0;
}

inline std::vector<float> make_values(Data data, size_t count, float magnitude_max, uint64_t seed) {
    Prng random(seed);
    std::vector<float> out(count);
    for (size_t i = 0; i < count; ++i) out[i] = element(data, i, magnitude_max, random);
    for (float& x : out) {
        if (std::fabs(x) > magnitude_max) x = magnitude_max;
    }
    return out;
}

inline Dither dither_of_tests() { return {.seed = 0x0123456789abcdefull, .stream = 0xfedcba9876543210ull}; }

inline Bytes encoded(const Codec& codec, Values in) {
    in.dither = dither_of_tests();
    Bytes out(codec.encoded_bytes_max(in.values.size()), std::byte{0xee});
    const auto bytes = codec.encode(in, out);
    if (!bytes.ok()) {
        ADD_FAILURE() << codec.text() << ": " << bytes.error().detail;
        return {};
    }
    EXPECT_LE(*bytes, out.size());
    EXPECT_TRUE(!codec.fixed_size() || *bytes == out.size()) << codec.text();
    out.resize(*bytes);
    return out;
}

inline std::vector<float> decoded(const Codec& codec, ByteSpan bytes, size_t count) {
    std::vector<float> out(count, 77);
    const Status status = codec.decode(bytes, out);
    EXPECT_TRUE(status.ok()) << codec.text() << ": " << status.error().detail;
    return out;
}

inline std::vector<uint32_t> bits_of(const std::vector<float>& xs) {
    std::vector<uint32_t> out;
    for (const float x : xs) out.push_back(std::bit_cast<uint32_t>(x));
    return out;
}

}  // namespace whim::test
