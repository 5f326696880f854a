// An owner for tests: it sends numbered messages and bulk frames with known payloads, and checks what
// arrives, that each pin is matched by one unpin and each sink by one end.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/limits.h"
#include "names.h"
#include "transport/memory/memory_net.h"
#include "transport/session/endpoint.h"

namespace whim::testing {

inline Bytes payload_of(uint64_t cookie, size_t bytes) {
    Bytes out;
    out.reserve(bytes + 8);
    ByteWriter writer(out);
    for (size_t i = 0; i < bytes; i += 8) writer.u64(mix64(cookie * 1'000'003 + i / 8));
    out.resize(bytes);
    return out;
}

class TestPeer final : public EndpointOwner {
public:
    TestPeer(MemoryNet& net, uint8_t number, ChannelFactory* channels = nullptr, std::string run = "run",
             uint64_t boot = 0, uint32_t part_bytes = limits::kPartBytes)
        : TestPeer(net, net.add("peer" + std::to_string(number)), peer_id(number), channels, std::move(run),
                   boot, part_bytes) {}
    TestPeer(MemoryNet& net, const PeerId& id, ChannelFactory* channels)
        : TestPeer(net, net.add(short_name(id) + "." + std::to_string(net.prng().next())), id, channels,
                   "run", 0) {}
    TestPeer(MemoryNet& net, MemoryNet::Node& node, uint8_t number, ChannelFactory* channels, std::string run,
             uint64_t boot)
        : TestPeer(net, node, peer_id(number), channels, std::move(run), boot) {}
    TestPeer(MemoryNet& net, MemoryNet::Node& node, const PeerId& id, ChannelFactory* channels,
             std::string run, uint64_t boot, uint32_t part_bytes = limits::kPartBytes)
        : net_(net), node(node), id(id), endpoint({id, std::move(run), mix64(id.bytes[0]) + boot, false,
                                                   nullptr, part_bytes, Plant::none, net.shared_bytes_min},
                                                  channels, *this, node) {
        node.endpoint = &endpoint;
    }
    ~TestPeer() override { net_.crash(node); }

    LinkKey key(uint64_t incarnation = 1) const { return {id, {incarnation}}; }

    // Messages of this peer to `to`: "0", "1", ...
    bool say(const LinkKey& to) {
        return endpoint.send_message(to, to_bytes(std::to_string(said_[to]++)), net_.now);
    }
    bool give(const LinkKey& to, size_t bytes) {
        const uint64_t cookie = ++cookies_;
        Bytes header;
        ByteWriter(header).u64(cookie);
        payloads_[cookie] = payload_of(cookie, bytes);
        return endpoint.send_bulk(to, {header, static_cast<uint32_t>(bytes), cookie}, net_.now);
    }
    std::string history() const {
        std::string all;
        for (const std::string& event : events) all += event + "\n";
        return all;
    }

    bool accept_link(const LinkKey& from, Instant) override {
        ++asked;
        if (accept_options) endpoint.open_link(from, *accept_options, net_.now);
        return accept_options.has_value() || accept_plain;
    }
    void link_up(const LinkKey&, LinkSession session, Instant) override {
        events.push_back(session == LinkSession::fresh ? "up fresh" : "up resumed");
    }
    void link_down(const LinkKey&, LinkDownKind kind, const std::string& detail, Instant) override {
        events.push_back("down " + std::string(link_down_name(kind)));
        last_detail = detail;
    }
    void message(const LinkKey&, ByteSpan message, Instant) override {
        heard.emplace_back(reinterpret_cast<const char*>(message.data()), message.size());
    }
    BulkSink bulk_begin(const LinkKey&, ByteSpan header, uint32_t payload_bytes) override {
        ByteReader reader(header);
        const uint64_t cookie = reader.u64();
        EXPECT_TRUE(reader.done());
        if (discard.contains(cookie)) return {};
        const uint64_t token = ++tokens_;
        Arriving& arriving = arriving_[token];
        arriving = {cookie, Bytes(payload_bytes)};
        return {arriving.bytes, token};
    }
    void bulk_end(const LinkKey&, uint64_t token, bool whole, Instant) override {
        const auto found = arriving_.find(token);
        ASSERT_NE(found, arriving_.end()) << "an end without beginning";
        const Arriving arriving = found->second;
        arriving_.erase(found);
        if (!whole) {
            ++cut_short;
            return;
        }
        EXPECT_EQ(arriving.bytes, payload_of(arriving.cookie, arriving.bytes.size()));
        ++received[arriving.cookie];
        if (const auto then = after_bulk) then();
    }
    std::optional<ByteSpan> bulk_pin(const LinkKey&, const BulkFrame& frame) override {
        EXPECT_TRUE(pinned.insert(frame.cookie).second) << "pinned twice at once";
        if (!withdrawn.contains(frame.cookie)) {
            ++(frame.begun ? pinned_again : pinned_first);
            return ByteSpan(payloads_.at(frame.cookie));
        }
        pinned.erase(frame.cookie);
        return std::nullopt;
    }
    void bulk_unpin(const LinkKey&, const BulkFrame& frame) override {
        EXPECT_EQ(pinned.erase(frame.cookie), 1u) << "unpinned what was not pinned";
        if (const auto then = after_unpin) then();
    }
    void address_answered(uint64_t test, const std::optional<PeerId>& who, const std::string& cause,
                          Instant) override {
        answers.push_back(std::to_string(test) + ": " + (who ? short_name(*who) : cause));
    }
    bool at_rest() const { return pinned.empty() && arriving_.empty(); }
    size_t arriving() const { return arriving_.size(); }  // bulk frames begun and not ended

private:
    struct Arriving {
        uint64_t cookie = 0;
        Bytes bytes;
    };
    MemoryNet& net_;
    std::map<LinkKey, uint64_t> said_;
    std::map<uint64_t, Bytes> payloads_;
    std::map<uint64_t, Arriving> arriving_;
    uint64_t cookies_ = 0;
    uint64_t tokens_ = 0;

public:
    MemoryNet::Node& node;
    const PeerId id;
    std::vector<std::string> events;  // "up fresh", "down closed", ...
    std::string last_detail;
    std::vector<std::string> answers;  // to tests of addresses
    std::vector<std::string> heard;
    std::map<uint64_t, int> received;  // whole bulk frames by cookie
    std::set<uint64_t> discard;        // cookies for which there is no sink
    std::set<uint64_t> withdrawn;      // cookies whose payload is no longer needed
    std::set<uint64_t> pinned;
    std::function<void()> after_unpin, after_bulk;  // the endpoint may be called
    std::optional<LinkOptions> accept_options;
    bool accept_plain = false;
    int asked = 0;
    int cut_short = 0;
    uint64_t pinned_first = 0, pinned_again = 0;  // payloads asked for
    Endpoint endpoint;                            // last: dies first
};

// What the dialing and the waiting end of a link between two members use.
inline LinkOptions dial_options(const MemoryNet::Node& to, uint32_t bulk_strands = 2) {
    LinkOptions options;
    options.addresses = {to.address};
    options.bulk_strands = bulk_strands;
    options.local_instance = {1};
    return options;
}
inline LinkOptions wait_options(const MemoryNet::Node& to, uint32_t bulk_strands = 2) {
    LinkOptions options = dial_options(to, bulk_strands);
    options.dial = false;
    return options;
}
inline void join(MemoryNet& net, TestPeer& dialer, TestPeer& waiter, uint32_t bulk_strands = 2) {
    dialer.endpoint.open_link(waiter.key(), dial_options(waiter.node, bulk_strands), net.now);
    waiter.endpoint.open_link(dialer.key(), wait_options(dialer.node, bulk_strands), net.now);
}

inline std::vector<std::string> counted(size_t count) {
    std::vector<std::string> all;
    for (size_t i = 0; i < count; ++i) all.push_back(std::to_string(i));
    return all;
}

// Both say and give something again and again while connections break at random, and then have time for all
// of it to come: once each, words in order. The answer: frames of which a part had come when one broke.
inline uint64_t talk_while_strands_break(MemoryNet& net, TestPeer& a, TestPeer& b, uint64_t seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    uint64_t halfway = 0;
    size_t messages[2] = {0, 0}, frames[2] = {0, 0};
    for (int i = 0; i < 60; ++i) {
        for (int n = 0; n < 3; ++n) {
            messages[0] += a.say(b.key());
            messages[1] += b.say(a.key());
            frames[0] += a.give(b.key(), net.prng().below(60'000));
            frames[1] += b.give(a.key(), net.prng().below(9'000));
        }
        net.run_for(milliseconds(net.prng().between(0, 30)));
        const size_t live = net.live();
        if (net.prng().chance(1, 2)) net.reset_one();
        if (net.prng().chance(1, 20)) net.reset_all();
        if (net.live() < live) halfway += a.arriving() + b.arriving();
    }
    net.run_for(seconds(60));
    EXPECT_EQ(b.heard, counted(messages[0])) << b.history();
    EXPECT_EQ(a.heard, counted(messages[1]));
    EXPECT_EQ(b.received.size(), frames[0]);
    EXPECT_EQ(a.received.size(), frames[1]);
    for (const TestPeer* peer : {&a, &b}) {
        for (const auto& [cookie, times] : peer->received) EXPECT_EQ(times, 1);
        for (const auto& event : peer->events) EXPECT_NE(event, "down protocol") << peer->last_detail;
        EXPECT_TRUE(peer->at_rest());
    }
    return halfway;
}

}  // namespace whim::testing
