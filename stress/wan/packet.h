// IPv4 packets as a TUN device with IFF_VNET_HDR hands them over: possibly TCP super-packets of up to 64 KiB
// that stand for many segments on the wire.
//
// The headers are kept apart from the payload, which slices of one packet share.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace stress::wan {

constexpr size_t kPacketBytesMax = 65'535;
constexpr size_t kHeadersMax = 60 + 60;  // IPv4's and TCP's longest

// struct virtio_net_hdr; the kernel's own header is no C++.
struct VnetHeader {
    uint8_t flags;     // 1: the checksum is left to whoever receives
    uint8_t gso_type;  // 0: one segment
    uint16_t header_bytes;
    uint16_t segment_bytes;  // payload of each segment but the last
    uint16_t checksum_from, checksum_at;
};

enum TcpFlag : uint8_t { kFin = 1, kSyn = 2, kRst = 4, kPush = 8, kAck = 16 };

// One direction of a TCP connection.
struct Flow {
    uint8_t from, to;  // hosts
    uint16_t port_from, port_to;
    auto operator<=>(const Flow&) const = default;
};

struct Packet {
    uint8_t from = 0, to = 0;  // hosts
    bool tcp = false;
    uint8_t ip_bytes = 0, header_bytes = 0;  // IPv4's header, and that with TCP's
    VnetHeader vnet{};
    std::array<uint8_t, kHeadersMax> header{};
    std::shared_ptr<const uint8_t[]> payload;
    uint32_t payload_from = 0, payload_bytes = 0;

    uint32_t segments() const;
    uint32_t wire_bytes(uint32_t segment) const;  // headers included
    uint64_t wire_bytes() const;                  // of all segments
    std::span<const uint8_t> data() const { return {payload.get() + payload_from, payload_bytes}; }

    // Of TCP alone.
    Flow flow() const;
    uint32_t sequence() const;
    uint32_t acknowledged() const;
    uint8_t flags() const;
};

// A packet that host `from` sent, or nothing when it is none from one host to another.
std::optional<Packet> parse(const VnetHeader& vnet, std::span<const uint8_t> bytes, size_t from,
                            size_t hosts);

// The segments [first, end) of a packet, as a packet.
Packet slice(const Packet& whole, uint32_t first, uint32_t end);

// A reset that seems to come from flow.from. Its receiver believes it if `sequence` is what it waits for.
Packet make_reset(const Flow& flow, uint32_t sequence);

// The sum of 16-bit words that IPv4 and TCP check, not inverted; `sum` is that of what comes before.
uint32_t checksum_sum(std::span<const uint8_t> bytes, uint32_t sum = 0);
uint16_t checksum_fold(uint32_t sum);

}  // namespace stress::wan
