// Fills any message through its fields() list, as a reader would: with numbers that count up (golden vectors)
// or with chance (round trips). So a new message or field is covered without a line here.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "base/prng.h"
#include "wire/messages.h"

namespace whim::wire {

class Filler {
public:
    // next: the next value, below 2^64. length: how many items a list, text or blob gets, at most its bound.
    Filler(std::function<uint64_t()> next, std::function<uint32_t(uint32_t bound)> length)
        : next_(std::move(next)), length_(std::move(length)) {}

    void operator()(bool& v) { v = next_() % 2 == 1; }
    void operator()(uint8_t& v) { v = static_cast<uint8_t>(next_()); }
    void operator()(uint16_t& v) { v = static_cast<uint16_t>(next_()); }
    void operator()(uint32_t& v) { v = static_cast<uint32_t>(next_()); }
    void operator()(uint64_t& v) { v = next_(); }
    void operator()(int32_t& v) { v = static_cast<int32_t>(next_()); }
    void operator()(float& v) { v = static_cast<float>(next_() % (1u << 20)) / 8; }
    void operator()(Dtype& v) { v = static_cast<Dtype>(next_() % kDtypeCount); }
    void operator()(Collective& v) { v = static_cast<Collective>(next_() % kCollectiveCount); }
    void operator()(Reduce& v) { v = static_cast<Reduce>(next_() % kReduceCount); }
    void operator()(PeerId& v) { bytes(v.bytes); }
    void operator()(Digest& v) { bytes(v.bytes); }
    void operator()(MemberId& v) { (*this)(v.peer), (*this)(v.incarnation); }
    void operator()(OpId& v) { (*this)(v.round), (*this)(v.tag), (*this)(v.instance); }
    void operator()(Address& v) { text(v.host, limits::kAddressBytesMax), (*this)(v.port); }
    template <class Tag, class T> void operator()(StrongId<Tag, T>& v) { (*this)(v.value); }
    template <class T>
    requires requires(T& t, Filler& f) { t.fields(f); }
    void operator()(T& v) { v.fields(*this); }
    void text(std::string& v, size_t bound) {
        v.resize(length_(static_cast<uint32_t>(bound)));
        for (char& c : v) c = static_cast<char>('a' + next_() % 26);
    }
    void blob_u8(std::vector<uint8_t>& v, size_t bound) {
        v.resize(length_(static_cast<uint32_t>(bound)));
        for (uint8_t& b : v) b = static_cast<uint8_t>(next_());
    }
    template <class T> void list(std::vector<T>& v, uint32_t bound, size_t) {
        v.resize(length_(bound));
        for (T& item : v) (*this)(item);
    }

private:
    void bytes(std::span<uint8_t> out) {
        for (uint8_t& b : out) b = static_cast<uint8_t>(next_());
    }
    std::function<uint64_t()> next_;
    std::function<uint32_t(uint32_t)> length_;
};

inline Filler counting_filler() {
    return {[n = uint64_t{0}]() mutable { return ++n; }, [](uint32_t bound) { return std::min(bound, 2u); }};
}

// Lists are mostly short, sometimes empty, and now and then as long as max_items.
inline Filler random_filler(Prng& prng, uint32_t max_items) {
    return {[&prng] { return prng.next() >> prng.below(64); },
            [&prng, max_items](uint32_t bound) {
                const uint32_t most = prng.chance(1, 8) ? max_items : 3;
                return static_cast<uint32_t>(prng.below(std::min(bound, most) + uint64_t{1}));
            }};
}

// Default values in every list: the smallest items there can be.
inline Filler smallest_filler() {
    return {[] { return uint64_t{0}; },
            [](uint32_t bound) { return bound >= limits::kStatusRangesMax ? 3u : std::min(bound, 1u); }};
}

inline constexpr size_t kMessageTypes = std::variant_size_v<Message>;

template <size_t I = 0> Message make_message(size_t type) {
    if constexpr (I + 1 < kMessageTypes) {
        if (type != I) return make_message<I + 1>(type);
    }
    return Message(std::in_place_index<I>);
}

inline Message filled(size_t type, Filler& filler) {
    Message message = make_message(type);
    std::visit([&](auto& value) { value.fields(filler); }, message);
    return message;
}

}  // namespace whim::wire
