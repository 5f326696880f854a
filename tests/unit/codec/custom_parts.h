// A good codec as an application would make one, for tests: a byte for each element under one scale for 16.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "collectives/codec/custom_codec.h"

namespace whim::test {

inline constexpr size_t kCustomBlock = 16;

inline size_t custom_bytes(size_t count) {
    return count + (count + kCustomBlock - 1) / kCustomBlock * sizeof(float);
}

inline std::optional<size_t> custom_encode(const Values& in, MutableByteSpan out) {
    std::byte* to = out.data();
    for (size_t at = 0; at < in.values.size(); at += kCustomBlock) {
        const auto block = in.values.subspan(at, std::min(kCustomBlock, in.values.size() - at));
        float largest = 0;
        for (const float x : block) largest = std::max(largest, std::fabs(x));
        const float scale = largest < 1e-30f ? 0.0f : largest / 100;  // 127 may not exceed the largest float
        std::memcpy(to, &scale, sizeof scale);
        to += sizeof scale;
        for (const float x : block)
            *to++ = static_cast<std::byte>(
                static_cast<int8_t>(scale == 0 ? 0 : std::lrint(std::clamp(x / scale, -100.0f, 100.0f))));
    }
    return static_cast<size_t>(to - out.data());
}

inline bool custom_decode(ByteSpan bytes, std::span<float> out) {
    if (bytes.size() != custom_bytes(out.size())) return false;
    const std::byte* from = bytes.data();
    for (size_t at = 0; at < out.size(); at += kCustomBlock) {
        float scale;
        std::memcpy(&scale, from, sizeof scale);
        from += sizeof scale;
        if (!(scale >= 0 && scale <= 3.4e36f)) return false;
        for (float& x : out.subspan(at, std::min(kCustomBlock, out.size() - at))) {
            const auto code = static_cast<int8_t>(*from++);
            if (code < -100 || code > 100) return false;
            x = static_cast<float>(code) * scale;
        }
    }
    return true;
}

inline CodecParts custom_parts() {
    CodecParts parts;
    parts.name = "test-bytes";
    parts.cut_elements = kCustomBlock;
    parts.magnitude_max = 3.3e38f;
    parts.bytes_max = custom_bytes;
    parts.encode = custom_encode;
    parts.decode = custom_decode;
    return parts;
}

inline CodecPtr custom_codec() { return std::make_shared<CustomCodec>(custom_parts()); }

}  // namespace whim::test
