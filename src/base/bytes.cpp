// The parts of ByteWriter and ByteReader that need more than a line.
#include "base/bytes.h"

#include <bit>

namespace whim {

void ByteWriter::f32(float v) { u32(std::bit_cast<uint32_t>(v)); }

void ByteWriter::text(std::string_view s) { blob(std::as_bytes(std::span(s.data(), s.size()))); }

void ByteWriter::blob(ByteSpan bytes) {
    u32(static_cast<uint32_t>(bytes.size()));
    raw(bytes);
}

float ByteReader::f32() { return std::bit_cast<float>(u32()); }

void ByteReader::raw_u8(std::span<uint8_t> out) {
    const ByteSpan view = raw(out.size());
    if (!view.empty()) std::memcpy(out.data(), view.data(), view.size());
}

ByteSpan ByteReader::raw(size_t count) {
    if (in_.size() < count) {
        fail();
        return {};
    }
    const ByteSpan view = in_.first(count);
    in_ = in_.subspan(count);
    return view;
}

std::string ByteReader::text(size_t bytes_max) {
    const uint32_t length = u32();
    if (length > bytes_max) fail();
    const ByteSpan view = raw(length);
    return failed_ ? std::string() : std::string(reinterpret_cast<const char*>(view.data()), view.size());
}

Bytes ByteReader::blob(size_t bytes_max) {
    const uint32_t length = u32();
    if (length > bytes_max) fail();
    const ByteSpan view = raw(length);
    return Bytes(view.begin(), view.end());
}

uint32_t ByteReader::count(uint32_t count_max, size_t item_bytes_min) {
    const uint32_t n = u32();
    if (n > count_max || static_cast<uint64_t>(n) * item_bytes_min > in_.size()) {
        fail();
        return 0;
    }
    return n;
}

}  // namespace whim
