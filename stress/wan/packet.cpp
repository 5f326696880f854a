// Offsets are those of RFC 791 and RFC 9293.
#include "stress/wan/packet.h"

#include <algorithm>
#include <cstring>

namespace stress::wan {
namespace {

constexpr size_t kIpBytes = 20, kTcpBytes = 20;  // without options
constexpr size_t kTotalAt = 2, kIdAt = 4, kFragmentAt = 6, kTtlAt = 8, kProtocolAt = 9, kIpSumAt = 10;
constexpr size_t kSourceAt = 12, kTargetAt = 16;
constexpr size_t kSequenceAt = 4, kAcknowledgedAt = 8, kOffsetAt = 12, kFlagsAt = 13, kTcpSumAt = 16;
constexpr uint8_t kTcpProtocol = 6, kTtl = 64;
constexpr uint8_t kChecksumLeft = 1;
constexpr uint8_t kNet[3] = {10, 77, 0};  // Topology::address_of

uint16_t get16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }
uint32_t get32(const uint8_t* at) { return static_cast<uint32_t>(get16(at)) << 16 | get16(at + 2); }
void put16(uint8_t* at, uint32_t value) {
    at[0] = static_cast<uint8_t>(value >> 8);
    at[1] = static_cast<uint8_t>(value);
}
void put32(uint8_t* at, uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value);
}

// The lengths and checksums of a TCP packet whose headers are otherwise complete. A checksum that is left to
// the receiver starts as the sum of the pseudo-header.
void seal(Packet& packet) {
    uint8_t* ip = packet.header.data();
    uint8_t* tcp = ip + packet.ip_bytes;
    const uint32_t total = packet.header_bytes + packet.payload_bytes;
    put16(ip + kTotalAt, total);
    put16(ip + kIpSumAt, 0);
    put16(ip + kIpSumAt, static_cast<uint16_t>(~checksum_fold(checksum_sum({ip, packet.ip_bytes}))));
    put16(tcp + kTcpSumAt, 0);
    const uint32_t pseudo = checksum_sum({ip + kSourceAt, 8}, kTcpProtocol + total - packet.ip_bytes);
    if (packet.vnet.flags & kChecksumLeft) {
        put16(tcp + kTcpSumAt, checksum_fold(pseudo));
        return;
    }
    const size_t tcp_bytes = packet.header_bytes - packet.ip_bytes;
    const uint32_t sum = checksum_sum(packet.data(), checksum_sum({tcp, tcp_bytes}, pseudo));
    put16(tcp + kTcpSumAt, static_cast<uint16_t>(~checksum_fold(sum)));
}

}  // namespace

uint32_t checksum_sum(std::span<const uint8_t> bytes, uint32_t sum) {
    for (size_t i = 0; i + 1 < bytes.size(); i += 2) sum += get16(&bytes[i]);
    if (bytes.size() % 2 == 1) sum += static_cast<uint32_t>(bytes.back()) << 8;
    return sum;
}

uint16_t checksum_fold(uint32_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(sum);
}

uint32_t Packet::segments() const {
    if (vnet.gso_type == 0 || payload_bytes <= vnet.segment_bytes) return 1;
    return (payload_bytes + vnet.segment_bytes - 1) / vnet.segment_bytes;
}

uint32_t Packet::wire_bytes(uint32_t segment) const {
    if (segments() == 1) return header_bytes + payload_bytes;
    const uint32_t before = segment * vnet.segment_bytes;
    return header_bytes + std::min<uint32_t>(vnet.segment_bytes, payload_bytes - before);
}

uint64_t Packet::wire_bytes() const {
    return payload_bytes + static_cast<uint64_t>(segments()) * header_bytes;
}

Flow Packet::flow() const {
    const uint8_t* tcp = header.data() + ip_bytes;
    return {from, to, get16(tcp), get16(tcp + 2)};
}

uint32_t Packet::sequence() const { return get32(header.data() + ip_bytes + kSequenceAt); }
uint32_t Packet::acknowledged() const { return get32(header.data() + ip_bytes + kAcknowledgedAt); }
uint8_t Packet::flags() const { return header[ip_bytes + kFlagsAt]; }

std::optional<Packet> parse(const VnetHeader& vnet, std::span<const uint8_t> bytes, size_t from,
                            size_t hosts) {
    if (bytes.size() < kIpBytes || bytes[0] >> 4 != 4) return std::nullopt;
    if (!std::equal(std::begin(kNet), std::end(kNet), &bytes[kTargetAt])) return std::nullopt;
    const size_t to = bytes[kTargetAt + 3] - size_t{1};
    if (to >= hosts || to == from) return std::nullopt;
    Packet packet;
    packet.from = static_cast<uint8_t>(from);
    packet.to = static_cast<uint8_t>(to);
    packet.vnet = vnet;
    size_t headers = (bytes[0] & 15u) * 4;
    if (headers < kIpBytes || headers > bytes.size()) return std::nullopt;
    packet.ip_bytes = static_cast<uint8_t>(headers);
    const bool fragment = (get16(&bytes[kFragmentAt]) & 0x3fff) != 0;
    packet.tcp = bytes[kProtocolAt] == kTcpProtocol && !fragment;
    if (packet.tcp) {
        if (bytes.size() < headers + kTcpBytes) return std::nullopt;
        const size_t tcp_bytes = (bytes[headers + kOffsetAt] >> 4) * size_t{4};
        headers += tcp_bytes;
        if (tcp_bytes < kTcpBytes || headers > bytes.size()) return std::nullopt;
    }
    if (vnet.gso_type != 0 && (!packet.tcp || vnet.segment_bytes == 0)) return std::nullopt;
    packet.header_bytes = static_cast<uint8_t>(headers);
    std::copy_n(bytes.begin(), headers, packet.header.begin());
    const auto payload = bytes.subspan(headers);
    packet.payload_bytes = static_cast<uint32_t>(payload.size());
    if (!payload.empty()) {
        auto copy = std::make_shared_for_overwrite<uint8_t[]>(payload.size());
        std::memcpy(copy.get(), payload.data(), payload.size());
        packet.payload = std::move(copy);
    }
    return packet;
}

Packet slice(const Packet& whole, uint32_t first, uint32_t end) {
    const uint32_t count = whole.segments(), before = first * whole.vnet.segment_bytes;
    Packet part = whole;
    if (first == 0 && end == count) return part;
    part.payload_from += before;
    part.payload_bytes = (end == count ? whole.payload_bytes : end * whole.vnet.segment_bytes) - before;
    if (end - first == 1) part.vnet.gso_type = 0, part.vnet.segment_bytes = 0;
    uint8_t* tcp = part.header.data() + part.ip_bytes;
    put16(part.header.data() + kIdAt, get16(part.header.data() + kIdAt) + first);
    put32(tcp + kSequenceAt, whole.sequence() + before);
    if (end != count) tcp[kFlagsAt] &= static_cast<uint8_t>(~(kFin | kPush));
    seal(part);
    return part;
}

Packet make_reset(const Flow& flow, uint32_t sequence) {
    Packet packet;
    packet.from = flow.from;
    packet.to = flow.to;
    packet.tcp = true;
    packet.ip_bytes = kIpBytes;
    packet.header_bytes = kIpBytes + kTcpBytes;
    uint8_t* ip = packet.header.data();
    ip[0] = 4 << 4 | kIpBytes / 4;
    ip[kTtlAt] = kTtl;
    ip[kProtocolAt] = kTcpProtocol;
    std::copy(std::begin(kNet), std::end(kNet), ip + kSourceAt);
    ip[kSourceAt + 3] = static_cast<uint8_t>(flow.from + 1);
    std::copy(std::begin(kNet), std::end(kNet), ip + kTargetAt);
    ip[kTargetAt + 3] = static_cast<uint8_t>(flow.to + 1);
    uint8_t* tcp = ip + kIpBytes;
    put16(tcp, flow.port_from);
    put16(tcp + 2, flow.port_to);
    put32(tcp + kSequenceAt, sequence);
    tcp[kOffsetAt] = kTcpBytes / 4 << 4;
    tcp[kFlagsAt] = kRst;
    seal(packet);
    return packet;
}

}  // namespace stress::wan
