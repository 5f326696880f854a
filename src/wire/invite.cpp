// The text form of invites.
#include "wire/invite.h"

#include <algorithm>
#include <optional>

#include "base/limits.h"
#include "wire/archive.h"

namespace whim::wire {
namespace {

constexpr std::string_view kPrefix = "whim1.";
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr uint32_t kCoordinatorsMax = 8;

std::string to_base64(ByteSpan bytes) {
    std::string text;
    uint32_t bits = 0, held = 0;
    for (const std::byte b : bytes) {
        bits = (bits << 8) | static_cast<uint8_t>(b);
        for (held += 8; held >= 6; held -= 6) text += kAlphabet[(bits >> (held - 6)) & 63];
    }
    if (held > 0) text += kAlphabet[(bits << (6 - held)) & 63];
    return text;
}

std::optional<Bytes> from_base64(std::string_view text) {
    Bytes bytes;
    uint32_t bits = 0, held = 0;
    for (const char c : text) {
        const size_t value = kAlphabet.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = (bits << 6) | static_cast<uint32_t>(value);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        bytes.push_back(static_cast<std::byte>(bits >> held));
    }
    const bool leftover = held >= 6 || (bits & ((1u << held) - 1)) != 0;
    if (leftover) return std::nullopt;
    return bytes;
}

struct Place : InvitePlace {
    template <class A> void fields(A& a) { a.list(addresses, limits::kAddressesPerPeerMax, 6), a(key); }
};

}  // namespace

Bytes signed_part(const Invite& invite) {
    Bytes out;
    Writer writer(out);
    std::vector<Place> places;
    for (const InvitePlace& place : invite.coordinators) places.push_back({place});
    writer.text(invite.run, limits::kNameBytesMax);
    writer(invite.tls);
    writer.list(places, kCoordinatorsMax, 36);
    writer(invite.expires_at_s);
    writer(invite.peer);
    ByteWriter(out).raw_u8(invite.nonce);
    return out;
}

std::string encode_invite(const Invite& invite) {
    Bytes bytes = signed_part(invite);
    ByteWriter(bytes).raw_u8(invite.signature);
    return std::string(kPrefix) + to_base64(bytes);
}

Result<Invite> decode_invite(std::string_view text) {
    if (text.size() > limits::kTokenBytesMax) return fail(Code::E_TOKEN, "the invite is too long");
    if (!text.starts_with(kPrefix))
        return fail(Code::E_TOKEN, "not an invite: it does not begin with whim1.");
    const std::optional<Bytes> bytes = from_base64(text.substr(kPrefix.size()));
    if (!bytes || bytes->size() < sizeof(Invite::signature) + sizeof(Invite::nonce)) {
        return fail(Code::E_TOKEN, "the invite is cut short or mistyped");
    }
    Invite invite;
    const size_t raw_bytes = sizeof(invite.nonce) + sizeof(invite.signature);
    const ByteSpan all(*bytes);
    Reader reader(all.first(all.size() - raw_bytes));
    std::vector<Place> places;
    reader.text(invite.run, limits::kNameBytesMax);
    reader(invite.tls);
    reader.list(places, kCoordinatorsMax, 36);
    reader(invite.expires_at_s);
    reader(invite.peer);
    if (!reader.done()) return fail(Code::E_TOKEN, "the invite is cut short or mistyped");
    ByteReader tail(all.last(raw_bytes));
    tail.raw_u8(invite.nonce);
    tail.raw_u8(invite.signature);
    invite.coordinators.assign(places.begin(), places.end());
    return invite;
}

}  // namespace whim::wire
