// Makes control messages out of a fuzzer's bytes: of any type, with fields from small pools, so that they are
// about members, rounds and ops that exist, and now and then with an extreme. Only what a link lets through.
#pragma once

#include <array>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../unit/session/names.h"
#include "wire/messages.h"

namespace whim::testing {

// An archive like wire::Reader, of a script instead of an encoding.
class MessageMaker {
public:
    explicit MessageMaker(ByteReader& script) : script_(script) {}

    // nullopt: no decoder would let it through.
    std::optional<wire::Message> make() {
        wire::Message message = of_type(script_.u8() % std::variant_size_v<wire::Message>);
        std::visit([&](auto& m) { m.fields(*this); }, message);
        const Result<wire::Message> decoded = wire::decode(wire::encode(message));
        return decoded.ok() ? std::optional(*decoded) : std::nullopt;
    }

    void operator()(bool& v) { v = script_.u8() & 1; }
    void operator()(uint8_t& v) { v = static_cast<uint8_t>(number()); }
    void operator()(uint16_t& v) { v = static_cast<uint16_t>(number()); }
    void operator()(uint32_t& v) { v = static_cast<uint32_t>(number()); }
    void operator()(uint64_t& v) { v = number(); }
    void operator()(int32_t& v) { v = static_cast<int32_t>(number()); }
    void operator()(float& v) {
        using Limits = std::numeric_limits<float>;
        constexpr std::array kSome = {
            0.0f, 1.0f, 0.5f, -1.0f, 3e38f, Limits::infinity(), Limits::quiet_NaN()};
        v = kSome[script_.u8() % kSome.size()];
    }
    void operator()(Dtype& v) { v = static_cast<Dtype>(script_.u8() % kDtypeCount); }
    void operator()(Collective& v) { v = static_cast<Collective>(script_.u8() % kCollectiveCount); }
    void operator()(Reduce& v) { v = static_cast<Reduce>(script_.u8() % kReduceCount); }
    void operator()(PeerId& v) { v = peer_id(script_.u8() % kPeers); }
    void operator()(Digest& v) { v.bytes.fill(script_.u8() % 3); }
    void operator()(MemberId& v) {  // peer n has been admitted as number n, most of the time
        const uint8_t pick = script_.u8();
        v.peer = peer_id(pick % kPeers);
        v.incarnation = {pick < 0xe0 ? pick % kPeers : number()};
    }
    void operator()(OpId& v) {
        const uint8_t pick = script_.u8();
        v.round = {pick < 0xf0 ? 1 + (pick & 1u) : number()};
        v.tag = pick >> 1 & 1;
        v.instance = pick >> 2 & (pick < 0xc0 ? 0 : 1);
    }
    void operator()(Address& v) { v = {"host", static_cast<uint16_t>(number())}; }
    template <class Tag, class T> void operator()(StrongId<Tag, T>& v) { v.value = static_cast<T>(number()); }
    template <class T>
    requires requires(T& t, MessageMaker& maker) { t.fields(maker); }
    void operator()(T& v) { v.fields(*this); }
    void text(std::string& v, size_t bytes_max) {
        const uint8_t pick = script_.u8();
        v = pick < 0x80 ? "run" : std::string(pick < 0xfe ? pick % 3 : bytes_max, 'x');
    }
    void blob_u8(std::vector<uint8_t>& v, size_t bytes_max) {
        v.resize(std::min<size_t>(script_.u8() % 5, bytes_max));
        for (uint8_t& byte : v) byte = script_.u8();
    }
    template <class T> void list(std::vector<T>& v, uint32_t, size_t) {
        v.clear();
        for (uint32_t n = script_.u8() % 5; n > 0; --n) (*this)(v.emplace_back());
    }

    // Mostly small.
    uint64_t number() {
        constexpr std::array<uint64_t, 16> kExtremes = {
            16,         17,         100,        1'000,      limits::kMembersMax,
            1u << 11,   1u << 22,   1u << 30,   1u << 31,   UINT32_MAX - 1,
            UINT32_MAX, 1ull << 32, 1ull << 62, 1ull << 63, UINT64_MAX - 1,
            UINT64_MAX};
        const uint8_t pick = script_.u8();
        return pick < 0xc0 ? pick % 4 : pick < 0xf0 ? pick % 16 : kExtremes[pick & 15];
    }

private:
    static constexpr uint8_t kPeers = 6;  // peer 0 is nobody

    static wire::Message of_type(size_t type) { return of_type(type, std::make_index_sequence<kTypes>()); }
    template <size_t... I> static wire::Message of_type(size_t type, std::index_sequence<I...>) {
        wire::Message message;
        (void)((I == type && (message.emplace<I>(), true)) || ...);
        return message;
    }
    static constexpr size_t kTypes = std::variant_size_v<wire::Message>;

    ByteReader& script_;
};

}  // namespace whim::testing
