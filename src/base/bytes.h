// Bounded little-endian reading and writing. A reader never goes past its end: after the first short read
// it is failed, every further read gives zero, and ok() says so once at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace whim {

using Bytes = std::vector<std::byte>;
using ByteSpan = std::span<const std::byte>;
using MutableByteSpan = std::span<std::byte>;

class ByteWriter {
public:
    explicit ByteWriter(Bytes& out) : out_(out) {}
    void u8(uint8_t v) { out_.push_back(static_cast<std::byte>(v)); }
    void u16(uint16_t v) { little(v); }
    void u32(uint32_t v) { little(v); }
    void u64(uint64_t v) { little(v); }
    void f32(float v);
    void raw(ByteSpan bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
    void raw_u8(std::span<const uint8_t> bytes) { raw(std::as_bytes(bytes)); }
    void text(std::string_view s);  // u32 length, bytes
    void blob(ByteSpan bytes);      // u32 length, bytes

private:
    template <class T> void little(T v) {
        for (size_t i = 0; i < sizeof(T); ++i) out_.push_back(static_cast<std::byte>(v >> (8 * i)));
    }
    Bytes& out_;
};

class ByteReader {
public:
    explicit ByteReader(ByteSpan in) : in_(in) {}
    uint8_t u8() { return little<uint8_t>(); }
    uint16_t u16() { return little<uint16_t>(); }
    uint32_t u32() { return little<uint32_t>(); }
    uint64_t u64() { return little<uint64_t>(); }
    float f32();
    void raw_u8(std::span<uint8_t> out);
    ByteSpan raw(size_t count);          // a view into the input
    std::string text(size_t bytes_max);  // fails when longer than bytes_max
    Bytes blob(size_t bytes_max);
    // A count of items of at least item_bytes_min each: fails when over count_max or when they could not fit.
    uint32_t count(uint32_t count_max, size_t item_bytes_min);
    size_t remaining() const { return in_.size(); }
    bool ok() const { return !failed_; }
    bool done() const { return !failed_ && in_.empty(); }
    void fail() {
        failed_ = true;
        in_ = {};
    }

private:
    template <class T> T little() {
        if (in_.size() < sizeof(T)) {
            fail();
            return 0;
        }
        T v = 0;
        for (size_t i = 0; i < sizeof(T); ++i)
            v = static_cast<T>(v | static_cast<T>(static_cast<T>(in_[i]) << (8 * i)));
        in_ = in_.subspan(sizeof(T));
        return v;
    }
    ByteSpan in_;
    bool failed_ = false;
};

}  // namespace whim
