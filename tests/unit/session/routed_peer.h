// An owner whose links may run through others: it passes on what concerns circuits, as the engine does, and
// counts what arrives for itself.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/prng.h"
#include "names.h"
#include "transport/memory/memory_net.h"
#include "transport/session/circuits.h"

namespace whim::testing {

class RoutedPeer final : public EndpointOwner {
public:
    RoutedPeer(MemoryNet& net, const PeerId& id, ChannelFactory* channels, CircuitsConfig config = {})
        : net_(net), id(id), node(net.add(short_name(id))), circuits(seeded(config, id), node),
          endpoint({id, "run", mix64(id.bytes[0]), false, &circuits}, channels, *this, circuits) {
        node.endpoint = &endpoint;
        circuits.attach(endpoint);
        circuits.set_self(key());
    }

    LinkKey key() const { return {id, {1}}; }
    // decoys: addresses advertised before the one where it listens
    void open(const RoutedPeer& to, bool dial, bool has_address, const std::vector<Address>& decoys = {}) {
        LinkOptions options;
        options.addresses = decoys;
        if (has_address) options.addresses.push_back(to.node.address);
        options.dial = dial;
        options.detours = true;
        options.bulk_strands = 2;
        options.expected = to.id;
        options.local_instance = {1};
        endpoint.open_link(to.key(), options, net_.now);
    }
    bool say(const RoutedPeer& to, const std::string& text) {
        return endpoint.send_message(to.key(), to_bytes(text), net_.now);
    }
    void give(const RoutedPeer& to, uint64_t number, size_t bytes) {
        Bytes& payload = payloads_[number];
        payload.resize(bytes);
        for (size_t i = 0; i < bytes; ++i) payload[i] = byte_of(number, i);
        Bytes header;
        ByteWriter writer(header);
        writer.u8(9), writer.u64(number);
        EXPECT_TRUE(endpoint.send_bulk(to.key(), {header, static_cast<uint32_t>(bytes), number}, net_.now));
    }
    std::optional<LinkKey> via(const RoutedPeer& to) const {
        const auto stats = endpoint.stats(to.key());
        return stats ? stats->via : std::nullopt;
    }
    bool up(const RoutedPeer& to) const { return endpoint.stats(to.key()) && endpoint.stats(to.key())->up; }

    // Carries out what circuits want. False: nothing was to do.
    bool work() {
        const bool due = circuits.work_due() || circuits.has_outbox();
        circuits.run(net_.now);
        for (CircuitFrame& frame : circuits.take_outbox()) {
            if (auto* message = std::get_if<wire::Message>(&frame.what)) {
                carried.push_back(wire::encode(*message));
                endpoint.send_message(frame.to, carried.back(), net_.now);
            } else {
                endpoint.send_bulk(frame.to, std::get<BulkFrame>(frame.what), net_.now);
            }
        }
        return due;
    }

    bool accept_link(const LinkKey&, Instant) override { return false; }
    void link_up(const LinkKey& key, LinkSession session, Instant) override {
        if (session == LinkSession::fresh) circuits.link_lost(key, "began anew");
        events.push_back(short_name(key) + (session == LinkSession::fresh ? " fresh" : " resumed"));
    }
    void link_down(const LinkKey& key, LinkDownKind kind, const std::string&, Instant) override {
        circuits.link_lost(key, "link lost");
        events.push_back(short_name(key) + " " + std::string(link_down_name(kind)));
    }
    void link_routed(const LinkKey& key, const std::optional<LinkKey>& via, const std::string& why,
                     Instant) override {
        if (via) circuits.link_lost(key, "runs through another");
        routes.push_back(short_name(key) + (via ? " through " + short_name(*via) : " direct") + ": " + why);
    }
    void message(const LinkKey& from, ByteSpan bytes, Instant now) override {
        const auto decoded = wire::decode(bytes);
        if (decoded.ok() && circuits.on_message(from, *decoded, now)) return;
        heard.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    BulkSink bulk_begin(const LinkKey& from, ByteSpan header, uint32_t payload_bytes) override {
        if (wire::is_circuit_header(header)) return circuits.bulk_begin(from, header, payload_bytes);
        ByteReader reader(header);
        reader.u8();
        const uint64_t token = ++tokens_;
        arriving_[token] = {reader.u64(), Bytes(payload_bytes)};
        return {arriving_[token].second, token};
    }
    void bulk_end(const LinkKey&, uint64_t token, bool whole, Instant) override {
        if (Circuits::owns(token)) return circuits.bulk_end(token, whole);
        const auto [number, bytes] = arriving_.at(token);
        arriving_.erase(token);
        if (!whole) return;
        for (size_t i = 0; i < bytes.size(); ++i)
            ASSERT_EQ(bytes[i], byte_of(number, i)) << number << " " << i;
        EXPECT_TRUE(received.insert(number).second) << "frame " << number << " came twice";
    }
    std::optional<ByteSpan> bulk_pin(const LinkKey&, const BulkFrame& frame) override {
        if (wire::is_circuit_header(frame.header)) {
            const auto piece = circuits.bulk_pin(frame);
            if (piece) carried.emplace_back(piece->begin(), piece->end());
            return piece;
        }
        return ByteSpan(payloads_.at(frame.cookie));
    }
    void bulk_unpin(const LinkKey&, const BulkFrame& frame) override {
        if (wire::is_circuit_header(frame.header)) circuits.bulk_unpin(frame);
    }

private:
    static CircuitsConfig seeded(CircuitsConfig config, const PeerId& id) {
        config.seed = id.bytes[0];
        return config;
    }
    static std::byte byte_of(uint64_t number, size_t i) {
        return i % 16 < 4 ? static_cast<std::byte>("MARK"[i % 16])
                          : static_cast<std::byte>(number * 31 + i / 16);
    }
    MemoryNet& net_;
    std::map<uint64_t, Bytes> payloads_;
    std::map<uint64_t, std::pair<uint64_t, Bytes>> arriving_;
    uint64_t tokens_ = 0;

public:
    const PeerId id;
    MemoryNet::Node& node;
    std::vector<std::string> events, routes, heard;
    std::set<uint64_t> received;
    std::vector<Bytes> carried;  // what circuits had sent over this peer's links
    Circuits circuits;
    Endpoint endpoint;
};

}  // namespace whim::testing
