// What goes over a strand: frames. Eight bytes of prefix {type u8, 0 u8, header u16, payload u32}, then the
// header (bulk only) and the payload or body. All little-endian; every length is checked against its limit
// when the prefix is decoded, before memory is touched.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/status.h"

namespace whim {

enum class FrameType : uint8_t {
    hello = 1,       // first frame of the dialer
    hello_reply,     // first frame of the listener
    message,         // one message of the owner, with its number
    bulk,            // bulk strands, numbered: a part of a payload of the owner, and its header
    ping,            // heartbeat
    pong,            // its echo
    ack,             // how many numbered frames of a strand arrived whole
    strand_lost,     // the same, for a strand that is no more; its sender sends the rest again
    strands_wanted,  // how many bulk strands its sender would use
};
// All but hello, hello_reply and bulk go over the control strand, and while there is none over a bulk strand.

inline constexpr size_t kFramePrefixBytes = 8;
inline constexpr size_t kMessageNumberBytes = 8;     // before a message
inline constexpr size_t kPartHeaderBytes = 16;       // before the owner's header
inline constexpr uint32_t kHelloMagic = 0x4d494857;  // "WHIM"

struct FramePrefix {
    FrameType type = FrameType::message;
    uint16_t header_bytes = 0;
    uint32_t payload_bytes = 0;
};

Result<FramePrefix> decode_prefix(ByteSpan bytes);  // of at least kFramePrefixBytes
void put_prefix(Bytes& out, const FramePrefix& prefix);
void put_frame(Bytes& out, FrameType type, ByteSpan body);

// Messages are numbered from 1, in the link session and direction.
void put_message(Bytes& out, uint64_t number, ByteSpan message);
uint64_t message_number(ByteSpan body);  // the message follows it

// Which part of which bulk frame.
struct PartHeader {
    static constexpr uint32_t kGivenUp = UINT32_MAX;
    uint64_t number = 0;       // of the frame in the link session and direction, from 1
    uint32_t frame_bytes = 0;  // of its whole payload
    uint32_t offset = 0;       // kGivenUp: no more of it comes
    bool given_up() const { return offset == kGivenUp; }
};
// nullopt: impossible with that many bytes of payload.
std::optional<PartHeader> decode_part_header(ByteSpan header, uint32_t payload_bytes);
void put_part(Bytes& out, const PartHeader& part, ByteSpan owner_header, uint32_t payload_bytes);

// One end's name for a link session: the endpoint's random number and a counter. {0, 0}: none yet.
struct SessionNonce {
    uint64_t boot = 0;
    uint64_t number = 0;
    auto operator<=>(const SessionNonce&) const = default;
    bool known() const { return number != 0; }
};

struct Hello {
    uint16_t version_min = 0;
    uint16_t version_max = 0;
    std::string run_name;
    PeerId from;
    Incarnation from_instance;
    Incarnation to_instance;
    bool is_coordinator = false;
    uint8_t index = 0;         // 0: control strand
    uint8_t bulk_strands = 0;  // the dialer would like
    uint32_t generation = 0;   // rises with every dial of this strand
    SessionNonce mine;
    SessionNonce theirs;    // unknown before the first reply
    uint64_t received = 0;  // numbered frames of this strand index, whole, in this session
    bool test = false;      // asks only who is here: answered at once, no link is meant
};

enum class HelloStatus : uint8_t { ok = 0, rejected, identity, version, session_lost, stale };

struct HelloReply {
    HelloStatus status = HelloStatus::ok;
    uint16_t version = 0;
    std::string detail{};  // why not
    PeerId from;
    uint8_t bulk_strands = 0;  // agreed
    SessionNonce mine{};
    SessionNonce theirs{};  // echo of the hello's
    uint64_t received = 0;
};

struct StrandCount {  // body of ack and strand_lost
    uint8_t index = 0;
    uint32_t generation = 0;
    uint64_t received = 0;
};

struct Pong {             // body
    uint64_t number = 0;  // of the ping
    uint64_t clock = 0;   // where it was answered, when it came: nanoseconds of any origin
};

void put_hello(Bytes& out, const Hello& hello);
void put_hello_reply(Bytes& out, const HelloReply& reply);
void put_count(Bytes& out, FrameType type, const StrandCount& count);
void put_ping(Bytes& out, uint64_t number);
void put_pong(Bytes& out, const Pong& pong);

// nullopt: not what a correct program sends.
std::optional<Hello> decode_hello(ByteSpan body);
std::optional<HelloReply> decode_hello_reply(ByteSpan body);
std::optional<StrandCount> decode_count(ByteSpan body);
void put_strands_wanted(Bytes& out, uint32_t count);
std::optional<uint32_t> decode_strands_wanted(ByteSpan body);  // 1..kStrandsPerLinkMax - 1
std::optional<uint64_t> decode_ping(ByteSpan body);
std::optional<Pong> decode_pong(ByteSpan body);

}  // namespace whim
