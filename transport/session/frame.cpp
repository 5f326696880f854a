// Encoding and bounded decoding of frames.
#include "transport/session/frame.h"

#include "base/limits.h"

namespace whim {
namespace {

constexpr uint32_t kStampBytes = 8, kPongBytes = 16;
constexpr uint32_t kCountBytes = 13;
constexpr uint32_t kWantedBytes = 1;

// Whether a frame of this type may have these lengths.
bool lengths_fit(const FramePrefix& prefix) {
    if (prefix.type != FrameType::bulk && prefix.header_bytes != 0) return false;
    switch (prefix.type) {
        case FrameType::hello:
        case FrameType::hello_reply: return prefix.payload_bytes <= limits::kHelloBytesMax;
        case FrameType::message:
            return prefix.payload_bytes >= kMessageNumberBytes &&
                   prefix.payload_bytes <= kMessageNumberBytes + limits::kMessageBytesMax;
        case FrameType::bulk:
            return prefix.header_bytes >= kPartHeaderBytes &&
                   prefix.header_bytes <= kPartHeaderBytes + limits::kBulkHeaderBytesMax &&
                   prefix.payload_bytes <= limits::kBulkPayloadBytesMax;
        case FrameType::ping: return prefix.payload_bytes == kStampBytes;
        case FrameType::pong: return prefix.payload_bytes == kPongBytes;
        case FrameType::ack:
        case FrameType::strand_lost: return prefix.payload_bytes == kCountBytes;
        case FrameType::strands_wanted: return prefix.payload_bytes == kWantedBytes;
    }
    return false;
}

void put_nonce(ByteWriter& out, const SessionNonce& nonce) {
    out.u64(nonce.boot);
    out.u64(nonce.number);
}

SessionNonce read_nonce(ByteReader& in) {
    const uint64_t boot = in.u64();
    return {boot, in.u64()};
}

PeerId read_peer(ByteReader& in) {
    PeerId id;
    in.raw_u8(id.bytes);
    return id;
}

}  // namespace

Result<FramePrefix> decode_prefix(ByteSpan bytes) {
    ByteReader in(bytes);
    const uint8_t type = in.u8();
    const uint8_t reserved = in.u8();
    FramePrefix prefix;
    prefix.header_bytes = in.u16();
    prefix.payload_bytes = in.u32();
    const bool known = type >= static_cast<uint8_t>(FrameType::hello) &&
                       type <= static_cast<uint8_t>(FrameType::strands_wanted);
    if (!in.ok() || reserved != 0 || !known) return fail(Code::E_PROTOCOL, "not a frame of this protocol");
    prefix.type = static_cast<FrameType>(type);
    if (!lengths_fit(prefix)) {
        return fail(Code::E_PROTOCOL, "frame of type " + std::to_string(type) + " with impossible lengths " +
                                          std::to_string(prefix.header_bytes) + " and " +
                                          std::to_string(prefix.payload_bytes));
    }
    return prefix;
}

void put_prefix(Bytes& out, const FramePrefix& prefix) {
    ByteWriter writer(out);
    writer.u8(static_cast<uint8_t>(prefix.type));
    writer.u8(0);
    writer.u16(prefix.header_bytes);
    writer.u32(prefix.payload_bytes);
}

void put_message(Bytes& out, uint64_t number, ByteSpan message) {
    put_prefix(out, {FrameType::message, 0, static_cast<uint32_t>(kMessageNumberBytes + message.size())});
    ByteWriter(out).u64(number);
    out.insert(out.end(), message.begin(), message.end());
}

uint64_t message_number(ByteSpan body) { return ByteReader(body).u64(); }

std::optional<PartHeader> decode_part_header(ByteSpan header, uint32_t payload_bytes) {
    ByteReader in(header);
    PartHeader part;
    part.number = in.u64();
    part.frame_bytes = in.u32();
    part.offset = in.u32();
    if (!in.ok() || part.number == 0 || part.frame_bytes > limits::kBulkPayloadBytesMax) return std::nullopt;
    if (part.given_up()) return payload_bytes == 0 ? std::optional(part) : std::nullopt;
    const bool inside = part.offset <= part.frame_bytes && payload_bytes <= part.frame_bytes - part.offset;
    const bool empty =
        payload_bytes == 0 && part.frame_bytes > 0;  // a frame without payload has one such part
    return inside && !empty ? std::optional(part) : std::nullopt;
}

void put_part(Bytes& out, const PartHeader& part, ByteSpan owner_header, uint32_t payload_bytes) {
    put_prefix(
        out, {FrameType::bulk, static_cast<uint16_t>(kPartHeaderBytes + owner_header.size()), payload_bytes});
    ByteWriter writer(out);
    writer.u64(part.number);
    writer.u32(part.frame_bytes);
    writer.u32(part.offset);
    out.insert(out.end(), owner_header.begin(), owner_header.end());
}

void put_frame(Bytes& out, FrameType type, ByteSpan body) {
    put_prefix(out, {type, 0, static_cast<uint32_t>(body.size())});
    out.insert(out.end(), body.begin(), body.end());
}

void put_hello(Bytes& out, const Hello& hello) {
    Bytes body;
    ByteWriter writer(body);
    writer.u32(kHelloMagic);
    writer.u16(hello.version_min);
    writer.u16(hello.version_max);
    writer.text(hello.run_name);
    writer.raw_u8(hello.from.bytes);
    writer.u64(hello.from_instance.value);
    writer.u64(hello.to_instance.value);
    writer.u8(hello.is_coordinator ? 1 : 0);
    writer.u8(hello.index);
    writer.u8(hello.bulk_strands);
    writer.u32(hello.generation);
    put_nonce(writer, hello.mine);
    put_nonce(writer, hello.theirs);
    writer.u64(hello.received);
    writer.u8(hello.test ? 1 : 0);
    put_frame(out, FrameType::hello, body);
}

std::optional<Hello> decode_hello(ByteSpan body) {
    ByteReader in(body);
    if (in.u32() != kHelloMagic) return std::nullopt;
    Hello hello;
    hello.version_min = in.u16();
    hello.version_max = in.u16();
    hello.run_name = in.text(limits::kNameBytesMax);
    hello.from = read_peer(in);
    hello.from_instance = {in.u64()};
    hello.to_instance = {in.u64()};
    hello.is_coordinator = in.u8() != 0;
    hello.index = in.u8();
    hello.bulk_strands = in.u8();
    hello.generation = in.u32();
    hello.mine = read_nonce(in);
    hello.theirs = read_nonce(in);
    hello.received = in.u64();
    hello.test = in.u8() != 0;
    const bool sane = hello.mine.known() && hello.generation != 0 &&
                      hello.index < limits::kStrandsPerLinkMax && hello.version_min <= hello.version_max;
    if (!in.ok() || !sane) return std::nullopt;
    return hello;
}

void put_hello_reply(Bytes& out, const HelloReply& reply) {
    Bytes body;
    ByteWriter writer(body);
    writer.u32(kHelloMagic);
    writer.u8(static_cast<uint8_t>(reply.status));
    writer.u16(reply.version);
    writer.text(std::string_view(reply.detail).substr(0, limits::kReasonBytesMax));
    writer.raw_u8(reply.from.bytes);
    writer.u8(reply.bulk_strands);
    put_nonce(writer, reply.mine);
    put_nonce(writer, reply.theirs);
    writer.u64(reply.received);
    put_frame(out, FrameType::hello_reply, body);
}

std::optional<HelloReply> decode_hello_reply(ByteSpan body) {
    ByteReader in(body);
    if (in.u32() != kHelloMagic) return std::nullopt;
    HelloReply reply;
    const uint8_t status = in.u8();
    reply.version = in.u16();
    reply.detail = in.text(limits::kReasonBytesMax);
    reply.from = read_peer(in);
    reply.bulk_strands = in.u8();
    reply.mine = read_nonce(in);
    reply.theirs = read_nonce(in);
    reply.received = in.u64();
    if (!in.ok() || status > static_cast<uint8_t>(HelloStatus::stale)) return std::nullopt;
    reply.status = static_cast<HelloStatus>(status);
    return reply;
}

void put_count(Bytes& out, FrameType type, const StrandCount& count) {
    put_prefix(out, {type, 0, kCountBytes});
    ByteWriter writer(out);
    writer.u8(count.index);
    writer.u32(count.generation);
    writer.u64(count.received);
}

std::optional<StrandCount> decode_count(ByteSpan body) {
    ByteReader in(body);
    StrandCount count;
    count.index = in.u8();
    count.generation = in.u32();
    count.received = in.u64();
    if (!in.done()) return std::nullopt;
    return count;
}

void put_strands_wanted(Bytes& out, uint32_t count) {
    put_prefix(out, {FrameType::strands_wanted, 0, kWantedBytes});
    ByteWriter(out).u8(static_cast<uint8_t>(count));
}

std::optional<uint32_t> decode_strands_wanted(ByteSpan body) {
    ByteReader in(body);
    const uint8_t count = in.u8();
    if (!in.done() || count == 0 || count >= limits::kStrandsPerLinkMax) return std::nullopt;
    return count;
}

void put_ping(Bytes& out, uint64_t number) {
    put_prefix(out, {FrameType::ping, 0, kStampBytes});
    ByteWriter(out).u64(number);
}

void put_pong(Bytes& out, const Pong& pong) {
    put_prefix(out, {FrameType::pong, 0, kPongBytes});
    ByteWriter writer(out);
    writer.u64(pong.number);
    writer.u64(pong.clock);
}

std::optional<Pong> decode_pong(ByteSpan body) {
    ByteReader in(body);
    const uint64_t number = in.u64();
    const Pong pong{number, in.u64()};
    if (!in.done()) return std::nullopt;
    return pong;
}

std::optional<uint64_t> decode_ping(ByteSpan body) {
    ByteReader in(body);
    const uint64_t stamp = in.u64();
    if (!in.done()) return std::nullopt;
    return stamp;
}

}  // namespace whim
