// A process with a real socket driver, for tests: one I/O thread, messages counted, bulk frames cut from one
// buffer and received into another.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>

#include "base/prng.h"
#include "transport/asio/driver.h"
#include "transport/session/endpoint.h"

namespace whim::testing {

class NetPeer final : public EndpointOwner {
public:
    NetPeer(const PeerId& id, ChannelFactory* channels)
        : id(id), endpoint_({id, "net-test", AsioDriver::now().ns + id.bytes[0] * 1ull, false}, channels,
                            *this, driver_) {
        driver_.attach(endpoint_);
    }
    ~NetPeer() override {
        guard_.reset();
        io_.stop();
        if (thread_.joinable()) thread_.join();
    }
    void allow_same_host() { driver_.allow_same_host(); }
    void share_work(Helpers& helpers) { driver_.share_work(helpers); }
    Result<Address> listen(const Address& bind) { return driver_.listen(bind); }
    void run() {
        thread_ = std::thread([this] { io_.run(); });
    }

    // Runs on the I/O thread and waits for it.
    template <class Work> auto call(Work work) {
        std::packaged_task<decltype(work(endpoint_))()> task([&] { return work(endpoint_); });
        auto done = task.get_future();
        asio::post(io_, [&] {
            task();
            driver_.poke();
        });
        return done.get();
    }
    template <class Condition> bool wait(Condition condition, int seconds = 20) {
        for (int i = 0; i < seconds * 200; ++i) {
            if (call([&](Endpoint&) { return condition(); })) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        return false;
    }
    LinkKey key() const { return {id, {1}}; }

    // Queues `data` as bulk frames whose header is their offset.
    void give(const LinkKey& to, size_t frame_bytes) {
        call([&](Endpoint& endpoint) {
            for (size_t at = 0; at < data.size(); at += frame_bytes) {
                const size_t bytes = std::min(frame_bytes, data.size() - at);
                Bytes header;
                ByteWriter(header).u64(at);
                EXPECT_TRUE(
                    endpoint.send_bulk(to, {header, static_cast<uint32_t>(bytes), at}, AsioDriver::now()));
            }
        });
    }

    bool accept_link(const LinkKey& from, Instant now) override {
        if (!accept) return false;
        endpoint_.open_link(from, *accept, now);
        return true;
    }
    void link_up(const LinkKey&, LinkSession session, Instant) override {
        events.push_back(session == LinkSession::fresh ? "up fresh" : "up resumed");
    }
    void link_down(const LinkKey&, LinkDownKind kind, const std::string& detail, Instant) override {
        events.push_back("down " + std::string(link_down_name(kind)));
        details.push_back(detail);
    }
    void message(const LinkKey&, ByteSpan message, Instant) override {
        heard.emplace_back(reinterpret_cast<const char*>(message.data()), message.size());
    }
    BulkSink bulk_begin(const LinkKey&, ByteSpan header, uint32_t payload_bytes) override {
        ByteReader reader(header);
        const uint64_t at = reader.u64();
        if (at + payload_bytes > got.size()) return {};
        return {MutableByteSpan(got).subspan(at, payload_bytes), at};
    }
    void bulk_end(const LinkKey&, uint64_t token, bool whole, Instant) override {
        if (!whole) ++cut_short;
        else EXPECT_TRUE(frames.insert(token).second) << "a frame came twice";
    }
    std::optional<ByteSpan> bulk_pin(const LinkKey&, const BulkFrame& frame) override {
        ++pinned;
        return ByteSpan(data).subspan(frame.cookie, frame.payload_bytes);
    }
    void bulk_unpin(const LinkKey&, const BulkFrame&) override { --pinned; }

    const PeerId id;
    std::optional<LinkOptions> accept;
    Bytes data, got;            // sent, received
    std::set<uint64_t> frames;  // offsets that arrived whole
    int cut_short = 0;
    int pinned = 0;
    std::vector<std::string> events, details, heard;

private:
    asio::io_context io_;
    asio::executor_work_guard<asio::io_context::executor_type> guard_{io_.get_executor()};
    AsioDriver driver_{io_};
    Endpoint endpoint_;
    std::thread thread_;
};

inline Bytes noise(size_t bytes) {
    Bytes out(bytes);
    for (size_t i = 0; i + 8 <= bytes; i += 8) {
        const uint64_t word = mix64(i);
        std::memcpy(out.data() + i, &word, 8);
    }
    return out;
}

}  // namespace whim::testing
