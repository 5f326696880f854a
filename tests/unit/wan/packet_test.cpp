// Packets: what is taken for one, what the slices of a super-packet say and carry, and resets that check out.
#include "stress/wan/packet.h"

#include <gtest/gtest.h>

#include "packets.h"

namespace stress::wan {
namespace {

std::vector<uint8_t> header_of(const Packet& packet) {
    return {packet.header.begin(), packet.header.begin() + packet.header_bytes};
}

// Of a packet that carries its whole checksums.
bool checks_out(const Packet& packet) {
    const std::vector<uint8_t> all = header_of(packet);
    const std::span<const uint8_t> ip(all.data(), packet.ip_bytes);
    const std::span<const uint8_t> tcp = std::span(all).subspan(packet.ip_bytes);
    const auto tcp_bytes = static_cast<uint32_t>(tcp.size() + packet.payload_bytes);
    const uint32_t pseudo = checksum_sum(ip.subspan(12, 8), 6 + tcp_bytes);
    return checksum_fold(checksum_sum(ip)) == 0xffff &&
           checksum_fold(checksum_sum(packet.data(), checksum_sum(tcp, pseudo))) == 0xffff;
}

TEST(Packet, IsWhatOneHostSendsToAnother) {
    const auto good = octets_of({.payload_bytes = 100});
    const auto packet = parse({}, good, 0, 2);
    ASSERT_TRUE(packet);
    EXPECT_TRUE(packet->tcp);
    EXPECT_EQ(packet->to, 1);
    EXPECT_EQ(packet->header_bytes, 40);
    EXPECT_EQ(packet->wire_bytes(), 140u);
    EXPECT_EQ(packet->flow(), (Flow{0, 1, 4096, 8192}));
    EXPECT_EQ(packet->sequence(), 1000u);
    EXPECT_EQ(packet->acknowledged(), 2000u);

    EXPECT_FALSE(parse({}, good, 1, 2)) << "to itself";
    EXPECT_FALSE(parse({}, good, 0, 1)) << "to nobody";
    for (size_t cut = 0; cut < 40; ++cut)
        EXPECT_FALSE(parse({}, std::span(good).first(cut), 0, 2)) << cut << " bytes";
    auto other = good;
    other[18] = 1;
    EXPECT_FALSE(parse({}, other, 0, 2)) << "to another network";
    other = good;
    other[32] = 0xf0;
    EXPECT_TRUE(parse({}, other, 0, 2)) << "options that the payload has room for";
    other.resize(60);
    EXPECT_FALSE(parse({}, other, 0, 2)) << "options that end outside";
}

TEST(Packet, OthersThanTcpAreOneSegment) {
    auto udp = octets_of({.payload_bytes = 100});
    udp[9] = 17;
    const auto packet = parse({}, udp, 0, 2);
    ASSERT_TRUE(packet);
    EXPECT_FALSE(packet->tcp);
    EXPECT_EQ(packet->header_bytes, 20);
    EXPECT_EQ(packet->wire_bytes(0), 140u);
    VnetHeader super{};
    super.gso_type = 1;
    super.segment_bytes = 50;
    EXPECT_FALSE(parse(super, udp, 0, 2));
}

TEST(Packet, ASuperPacketCountsItsSegments) {
    const Packet whole = packet_of({.payload_bytes = 2500, .segment_bytes = 1000});
    EXPECT_EQ(whole.segments(), 3u);
    EXPECT_EQ(whole.wire_bytes(0), 1040u);
    EXPECT_EQ(whole.wire_bytes(2), 540u);
    EXPECT_EQ(whole.wire_bytes(), 2620u);
    EXPECT_EQ(packet_of({.payload_bytes = 1000, .segment_bytes = 1000}).segments(), 1u);
}

TEST(Packet, SlicesCarryTheirPartOfThePayload) {
    const Packet whole =
        packet_of({.payload_bytes = 2500, .segment_bytes = 1000, .flags = kAck | kPush | kFin});
    const Packet first = slice(whole, 0, 1), rest = slice(whole, 1, 3);
    EXPECT_EQ(first.segments(), 1u);
    EXPECT_EQ(first.vnet.gso_type, 0);
    EXPECT_EQ(first.payload_bytes, 1000u);
    EXPECT_EQ(first.sequence(), 1000u);
    EXPECT_EQ(first.flags(), kAck) << "the last segment pushes and ends";
    EXPECT_EQ(rest.segments(), 2u);
    EXPECT_EQ(rest.payload_bytes, 1500u);
    EXPECT_EQ(rest.sequence(), 2000u);
    EXPECT_EQ(rest.flags(), kAck | kPush | kFin);
    EXPECT_EQ(rest.data()[0], static_cast<uint8_t>(1000));
    EXPECT_EQ(rest.data().data(), whole.data().data() + 1000) << "without a copy";
    EXPECT_EQ(header_of(slice(whole, 0, 3)), header_of(whole));
}

// What the kernel sends on: its length, its IPv4 checksum, and the pseudo-header's sum as TCP's.
TEST(Packet, SlicesAreSealed) {
    const Packet whole = packet_of({.payload_bytes = 2500, .segment_bytes = 1000});
    Packet part = slice(whole, 1, 2);
    const auto header = header_of(part);
    EXPECT_EQ(header[2] << 8 | header[3], 1040);
    EXPECT_EQ(header[4] << 8 | header[5], 6) << "the id counts segments";
    EXPECT_EQ(checksum_fold(checksum_sum(std::span(header).first(20))), 0xffff);
    const uint32_t pseudo = checksum_sum(std::span(header).subspan(12, 8), 6 + 1020);
    EXPECT_EQ(header[36] << 8 | header[37], checksum_fold(pseudo));

    Packet sealed = whole;
    sealed.vnet.flags = 0;
    EXPECT_TRUE(checks_out(slice(sealed, 0, 2)));
    EXPECT_TRUE(checks_out(slice(sealed, 2, 3)));
}

TEST(Packet, AResetChecksOut) {
    const Packet reset = make_reset({1, 0, 8192, 4096}, 0xfedcba98);
    EXPECT_TRUE(checks_out(reset));
    EXPECT_EQ(reset.flags(), kRst);
    EXPECT_EQ(reset.sequence(), 0xfedcba98u);
    const auto again = parse({}, header_of(reset), 1, 2);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->flow(), (Flow{1, 0, 8192, 4096}));
}

TEST(Checksum, OfRfc1071) {
    const std::vector<uint8_t> example = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    EXPECT_EQ(checksum_fold(checksum_sum(example)), 0xddf2);
    EXPECT_EQ(checksum_sum(std::vector<uint8_t>{0x12}), 0x1200u);
}

}  // namespace
}  // namespace stress::wan
