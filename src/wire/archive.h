// Reading and writing of values by their fields() lists. Writing cannot fail; reading is bounded and fails
// as a whole: check done() at the end.
#pragma once

#include <string>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "base/dtype.h"
#include "base/ids.h"
#include "base/limits.h"
#include "wire/address.h"

namespace whim::wire {

class Writer {
public:
    explicit Writer(Bytes& out) : out_(out) {}
    void operator()(bool v) { out_.u8(v ? 1 : 0); }
    void operator()(uint8_t v) { out_.u8(v); }
    void operator()(uint16_t v) { out_.u16(v); }
    void operator()(uint32_t v) { out_.u32(v); }
    void operator()(uint64_t v) { out_.u64(v); }
    void operator()(int32_t v) { out_.u32(static_cast<uint32_t>(v)); }
    void operator()(float v) { out_.f32(v); }
    void operator()(Dtype v) { out_.u8(static_cast<uint8_t>(v)); }
    void operator()(Reduce v) { out_.u8(static_cast<uint8_t>(v)); }
    void operator()(Collective v) { out_.u8(static_cast<uint8_t>(v)); }
    void operator()(const PeerId& v) { out_.raw_u8(v.bytes); }
    void operator()(const Digest& v) { out_.raw_u8(v.bytes); }
    void operator()(const MemberId& v) { (*this)(v.peer), (*this)(v.incarnation); }
    void operator()(const OpId& v) { (*this)(v.round), (*this)(v.tag), (*this)(v.instance); }
    void operator()(const Address& v) { out_.text(v.host), out_.u16(v.port); }
    template <class Tag, class T> void operator()(const StrongId<Tag, T>& v) { (*this)(v.value); }
    template <class T>
    requires requires(T& t, Writer& w) { t.fields(w); }
    void operator()(const T& v) { const_cast<T&>(v).fields(*this); }  // fields() only reads through a Writer
    void text(const std::string& v, size_t bytes_max) { out_.text(std::string_view(v).substr(0, bytes_max)); }
    void blob_u8(const std::vector<uint8_t>& v, size_t) { out_.blob(std::as_bytes(std::span(v))); }
    template <class T> void list(const std::vector<T>& v, uint32_t, size_t) {
        out_.u32(static_cast<uint32_t>(v.size()));
        for (const T& item : v) (*this)(item);
    }

private:
    ByteWriter out_;
};

class Reader {
public:
    explicit Reader(ByteSpan in) : in_(in) {}
    void operator()(bool& v) {
        const uint8_t b = in_.u8();
        if (b > 1) in_.fail();
        v = b == 1;
    }
    void operator()(uint8_t& v) { v = in_.u8(); }
    void operator()(uint16_t& v) { v = in_.u16(); }
    void operator()(uint32_t& v) { v = in_.u32(); }
    void operator()(uint64_t& v) { v = in_.u64(); }
    void operator()(int32_t& v) { v = static_cast<int32_t>(in_.u32()); }
    void operator()(float& v) { v = in_.f32(); }
    void operator()(Dtype& v) {
        const uint8_t b = in_.u8();
        if (b >= kDtypeCount) in_.fail();
        else v = static_cast<Dtype>(b);
    }
    void operator()(Reduce& v) {
        const uint8_t b = in_.u8();
        if (b >= kReduceCount) in_.fail();
        else v = static_cast<Reduce>(b);
    }
    void operator()(Collective& v) {
        const uint8_t b = in_.u8();
        if (b >= kCollectiveCount) in_.fail();
        else v = static_cast<Collective>(b);
    }
    void operator()(PeerId& v) { in_.raw_u8(v.bytes); }
    void operator()(Digest& v) { in_.raw_u8(v.bytes); }
    void operator()(MemberId& v) { (*this)(v.peer), (*this)(v.incarnation); }
    void operator()(OpId& v) { (*this)(v.round), (*this)(v.tag), (*this)(v.instance); }
    void operator()(Address& v) { v.host = in_.text(limits::kAddressBytesMax), v.port = in_.u16(); }
    template <class Tag, class T> void operator()(StrongId<Tag, T>& v) { (*this)(v.value); }
    template <class T>
    requires requires(T& t, Reader& r) { t.fields(r); }
    void operator()(T& v) { v.fields(*this); }
    void text(std::string& v, size_t bytes_max) { v = in_.text(bytes_max); }
    void blob_u8(std::vector<uint8_t>& v, size_t bytes_max) {
        const uint32_t n = in_.count(static_cast<uint32_t>(bytes_max), 1);
        v.resize(n);
        in_.raw_u8(v);
    }
    // item_bytes_min: the least an encoded item takes, so that a count is refused before memory is taken for
    // it.
    template <class T> void list(std::vector<T>& v, uint32_t count_max, size_t item_bytes_min) {
        const uint32_t n = in_.count(count_max, item_bytes_min);
        v.clear();
        for (uint32_t i = 0; i < n && in_.ok(); ++i) (*this)(v.emplace_back());
    }
    bool ok() const { return in_.ok(); }
    bool done() const { return in_.done(); }

private:
    ByteReader in_;
};

}  // namespace whim::wire
