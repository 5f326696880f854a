// TCP packets for the tests of the emulated WAN, made octet by octet.
#pragma once

#include <vector>

#include "stress/wan/packet.h"

namespace stress::wan {

struct Wish {
    uint8_t from = 0, to = 1;
    uint32_t payload_bytes = 0;
    uint16_t segment_bytes = 0;  // 0: one segment
    uint8_t flags = kAck;
    uint32_t sequence = 1000, acknowledged = 2000;
};

// IPv4 and TCP headers of 20 bytes each; payload bytes count up. Checksums are left to the receiver.
inline std::vector<uint8_t> octets_of(const Wish& wish) {
    const uint32_t total = 40 + wish.payload_bytes;
    const auto byte = [](uint32_t value, int shift) { return static_cast<uint8_t>(value >> shift); };
    std::vector<uint8_t> out = {0x45, 0, byte(total, 8), byte(total, 0), 0, 5, 0x40, 0, 64, 6, 0, 0};
    for (const uint8_t host : {wish.from, wish.to})
        out.insert(out.end(), {10, 77, 0, static_cast<uint8_t>(host + 1)});
    out.insert(out.end(), {0x10, 0x00, 0x20, 0x00});  // ports 4096 and 8192
    for (const uint32_t number : {wish.sequence, wish.acknowledged})
        for (const int shift : {24, 16, 8, 0}) out.push_back(byte(number, shift));
    out.insert(out.end(), {0x50, wish.flags, 0xff, 0xff, 0, 0, 0, 0});
    for (uint32_t i = 0; i < wish.payload_bytes; ++i) out.push_back(static_cast<uint8_t>(i));
    return out;
}

inline Packet packet_of(const Wish& wish) {
    VnetHeader vnet{};
    vnet.flags = 1;
    vnet.gso_type = wish.segment_bytes ? 1 : 0;
    vnet.segment_bytes = wish.segment_bytes;
    return *parse(vnet, octets_of(wish), wish.from, 16);
}

}  // namespace stress::wan
