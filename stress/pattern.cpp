// Products and sums rounded one by one in rank order, in f32, one division: design.md section 4, the `avg`
// line.
#include "pattern.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace stress {
namespace {

constexpr size_t kBlock = 4096;

uint64_t mix(uint64_t x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ (x >> 33);
}

// In [-1, 1): 24 bits, so that it is exact in f32.
float value_at(uint64_t key, size_t index) {
    uint32_t x = static_cast<uint32_t>(index) * 0x9e3779b9u + static_cast<uint32_t>(key);
    x = (x ^ (x >> 16)) * 0x85ebca6bu;
    x = (x ^ (x >> 13)) + static_cast<uint32_t>(key >> 32);
    return static_cast<float>(static_cast<int32_t>(x) >> 8) * 0x1p-23f;
}

uint16_t to_bf16(float value) {  // nearest, ties to even; values here are finite
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

float from_bf16(uint16_t half) {
    const uint32_t bits = static_cast<uint32_t>(half) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

void expected_block(const std::vector<Contribution>& contributions, Element element, Fold fold, size_t first,
                    size_t count, float* out) {
    float weights = 0;
    for (size_t c = 0; c < contributions.size(); ++c) {
        const auto [key, weight] = contributions[c];
        weights = c == 0 ? weight : weights + weight;
        for (size_t i = 0; i < count; ++i) {
            float x = value_at(key, first + i);
            if (element == Element::bf16) x = from_bf16(to_bf16(x));
            if (fold == Fold::avg) x *= weight;
            out[i] = c == 0 ? x : out[i] + x;
        }
    }
    if (fold == Fold::avg)
        for (size_t i = 0; i < count; ++i) out[i] /= weights;
}

}  // namespace

size_t element_bytes(Element element) { return element == Element::f32 ? 4 : 2; }

uint64_t key_of(uint64_t seed, const std::string& name, uint64_t trial) {
    uint64_t key = mix(seed + 0x9e3779b97f4a7c15ull * (trial + 1));
    for (const char c : name) key = mix(key ^ static_cast<unsigned char>(c));
    return key;
}

float weight_of(uint64_t key) { return 1.0f + static_cast<float>(key % 13) * 0.25f; }

void make_input(uint64_t key, Element element, size_t first, size_t count, void* out) {
    if (element == Element::f32) {
        auto* values = static_cast<float*>(out);
        for (size_t i = 0; i < count; ++i) values[i] = value_at(key, first + i);
    } else {
        auto* values = static_cast<uint16_t*>(out);
        for (size_t i = 0; i < count; ++i) values[i] = to_bf16(value_at(key, first + i));
    }
}

// The sum of four even numbers of 16 bits each, from -2 to 2.
void make_gradient(uint64_t key, size_t first, size_t count, float* out) {
    for (size_t i = 0; i < count; ++i) {
        const uint64_t x = mix(key ^ (first + i));
        const auto sum =
            static_cast<int32_t>((x & 0xffff) + (x >> 16 & 0xffff) + (x >> 32 & 0xffff) + (x >> 48));
        out[i] = static_cast<float>(sum - 131'070) * 0x1p-16f;
    }
}

size_t first_wrong(const std::vector<Contribution>& contributions, Element element, Fold fold, size_t first,
                   size_t count, const void* result) {
    float expected[kBlock];
    uint16_t rounded[kBlock];
    for (size_t done = 0; done < count; done += kBlock) {
        const size_t block = std::min(kBlock, count - done);
        expected_block(contributions, element, fold, first + done, block, expected);
        const void* wanted = expected;
        if (element == Element::bf16) {
            for (size_t i = 0; i < block; ++i) rounded[i] = to_bf16(expected[i]);
            wanted = rounded;
        }
        const size_t size = element_bytes(element);
        const auto* got = static_cast<const unsigned char*>(result) + done * size;
        if (std::memcmp(got, wanted, block * size) == 0) continue;
        for (size_t i = 0; i < block; ++i)
            if (std::memcmp(got + i * size, static_cast<const unsigned char*>(wanted) + i * size, size) != 0)
                return first + done + i;
    }
    return first + count;
}

size_t first_far(const std::vector<Contribution>& contributions, Fold fold, size_t first, size_t count,
                 const float* result) {
    float expected[kBlock];
    const float most = 1e-6f * static_cast<float>(contributions.size());
    for (size_t done = 0; done < count; done += kBlock) {
        const size_t block = std::min(kBlock, count - done);
        expected_block(contributions, Element::f32, fold, first + done, block, expected);
        for (size_t i = 0; i < block; ++i)
            if (!(std::fabs(result[done + i] - expected[i]) <= most)) return first + done + i;
    }
    return first + count;
}

}  // namespace stress
