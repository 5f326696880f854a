// One endpoint without a network, for tests and fuzzers that play the other side by hand with raw frames.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/assert.h"
#include "names.h"
#include "transport/session/endpoint.h"
#include "transport/session/frame.h"
#include "wire/version.h"

namespace whim::testing {

using Events = std::vector<std::string>;

class Bench : public StrandDriver, public EndpointOwner {
public:
    explicit Bench(bool coordinator = false)
        : endpoint({peer_id(2), "run", 7, coordinator}, nullptr, *this, *this) {}

    void dial(StrandHandle strand, const Address&) override { dialed.push_back(strand); }
    void close(StrandHandle strand) override { closed.insert(strand); }
    void wants_write(StrandHandle) override {}
    bool accept_link(const LinkKey& from, Instant) override {
        if (!accept) return false;
        LinkOptions options;
        options.dial = false;
        options.local_instance = {1};
        options.bulk_strands = bulk_strands;
        options.tune_strands = tune_strands;
        options.expected = expected;
        endpoint.open_link(from, options, now);
        return true;
    }
    void link_up(const LinkKey&, LinkSession session, Instant) override {
        events.push_back(session == LinkSession::fresh ? "up fresh" : "up resumed");
    }
    void link_down(const LinkKey&, LinkDownKind kind, const std::string& detail, Instant) override {
        events.push_back("down " + std::string(link_down_name(kind)));
        last_detail = detail;
    }
    void message(const LinkKey&, ByteSpan, Instant) override { ++messages; }
    BulkSink bulk_begin(const LinkKey&, ByteSpan, uint32_t bytes) override {
        ++bulk;
        const auto token = static_cast<uint64_t>(bulk);
        sinks[token].resize(bytes);
        return {sinks[token], token};
    }
    void bulk_end(const LinkKey&, uint64_t token, bool whole, Instant) override {
        WHIM_ASSERT(sinks.erase(token) == 1);
        bulk_whole += whole;
    }
    std::optional<ByteSpan> bulk_pin(const LinkKey&, const BulkFrame& frame) override {
        if (payload.empty()) payload.resize(128u << 10);  // shared by all frames, which may be pinned at once
        ++pinned;
        return ByteSpan(payload).first(frame.payload_bytes);
    }
    void bulk_unpin(const LinkKey&, const BulkFrame&) override { --pinned; }
    void address_answered(uint64_t, const std::optional<PeerId>& who, const std::string& cause,
                          Instant) override {
        answers.push_back(who ? short_name(*who) : cause);
    }

    // Lets time pass up to the next deadline or `until`.
    void run_until(Instant until) {
        while (endpoint.deadline() && *endpoint.deadline() <= until) {
            now = std::max(now, *endpoint.deadline());
            endpoint.on_deadline(now);
        }
        now = until;
    }
    StrandHandle arrive() { return endpoint.accepted({"far", 1}, now); }
    void feed(StrandHandle strand, ByteSpan bytes) {
        while (!bytes.empty() && !closed.contains(strand)) {
            const MutableByteSpan into = endpoint.read_buffer(strand);
            const size_t count = std::min(into.size(), bytes.size());
            std::copy_n(bytes.begin(), count, into.begin());
            bytes = bytes.subspan(count);
            endpoint.did_read(strand, count, now);
        }
    }
    Bytes drain(StrandHandle strand) {
        Bytes all;
        for (;;) {
            ByteSpan pieces[2];
            const size_t count = endpoint.write_buffers(strand, pieces);
            if (count == 0) return all;
            size_t bytes = 0;
            for (size_t i = 0; i < count; ++i) {
                all.insert(all.end(), pieces[i].begin(), pieces[i].end());
                bytes += pieces[i].size();
            }
            endpoint.did_write(strand, bytes, now);
        }
    }
    // Says hello and reads the reply; nullopt: there is none.
    std::optional<HelloReply> greet(StrandHandle strand, const Hello& hello) {
        Bytes bytes;
        put_hello(bytes, hello);
        feed(strand, bytes);
        const Bytes answer = drain(strand);
        if (answer.size() < kFramePrefixBytes) return std::nullopt;
        const auto prefix = decode_prefix(answer);
        if (!prefix.ok() || prefix->type != FrameType::hello_reply) return std::nullopt;
        return decode_hello_reply(ByteSpan(answer).subspan(kFramePrefixBytes, prefix->payload_bytes));
    }

    // A session with these bulk strands. False: one was refused.
    bool begin_session(StrandHandle control, const std::vector<StrandHandle>& bulk, Hello hello) {
        hello.bulk_strands = static_cast<uint8_t>(bulk.size());
        bulk_strands = hello.bulk_strands;
        const auto reply = greet(control, hello);
        if (!reply) return false;
        hello.theirs = reply->mine;
        return std::all_of(bulk.begin(), bulk.end(), [&](StrandHandle strand) {
            ++hello.index;
            const auto answer = greet(strand, hello);
            return answer && answer->status == HelloStatus::ok;
        });
    }

    std::vector<StrandHandle> dialed;
    std::set<StrandHandle> closed;
    Events events;
    std::string last_detail;
    std::vector<std::string> answers;  // to tests of addresses
    bool accept = true;
    uint32_t bulk_strands = 1;
    bool tune_strands = false;
    std::optional<PeerId> expected;
    int messages = 0;
    int bulk = 0, bulk_whole = 0;
    int pinned = 0;
    std::map<uint64_t, Bytes> sinks;  // by token, until their end
    Bytes payload;
    Instant now = Instant{1};
    Endpoint endpoint;
};

inline Hello hello_of(uint8_t from = 1) {
    Hello hello;
    hello.version_min = kProtocolVersionMin;
    hello.version_max = kProtocolVersionMax;
    hello.run_name = "run";
    hello.from = peer_id(from);
    hello.from_instance = {1};
    hello.to_instance = {1};
    hello.bulk_strands = 1;
    hello.generation = 1;
    hello.mine = {100, 1};
    return hello;
}
inline const LinkKey kFar{peer_id(1), {1}};

}  // namespace whim::testing
