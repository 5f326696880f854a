// A peer that has a control plane only: a member state machine over a real TLS link to a coordinator, on its
// own thread. Enough to be admitted, to take part in rounds and to see a coordinator die and come back.
#pragma once

#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>

#include "group/member.h"
#include "transport/asio/driver.h"
#include "transport/asio/identity_file.h"
#include "transport/session/tls_channel.h"
#include "wire/invite.h"

namespace whim::testing {

class ControlPeer final : public EndpointOwner {
public:
    struct Setup {
        std::string run = "gpt", token;
        Address coordinator;
        std::optional<PeerId> pin;
        std::string name = "peer";
        bool tls = true;
    };

    explicit ControlPeer(const Setup& setup)
        : identity_(generate_identity()), channels_(make_channels(setup.tls)), member_(member_config(setup)),
          endpoint_({identity_.id(), setup.run, boot_, false}, channels_.get(), *this, driver_) {
        driver_.attach(endpoint_);
        LinkOptions options;
        options.addresses = {setup.coordinator};
        options.bulk_strands = 0;
        options.expected = setup.pin;
        options.local_instance = {boot_};
        endpoint_.open_link(LinkKey{}, options, AsioDriver::now());
        thread_ = std::thread([this] { io_.run(); });
    }
    ~ControlPeer() override {
        guard_.reset();
        io_.stop();
        thread_.join();
    }

    const PeerId& id() const { return identity_.id(); }
    uint64_t boot() const { return boot_; }

    // Runs work(member, outbox) on the I/O thread, performs what came of it, and waits.
    template <class Work> void with(Work work) {
        std::promise<void> done;
        asio::post(io_, [&] {
            step([&](group::MemberOutbox& out) { work(member_, out); });
            driver_.poke();
            done.set_value();
        });
        done.get_future().wait();
    }
    void join() {
        with([](group::Member& m, group::MemberOutbox& out) { m.join(AsioDriver::now(), out); });
    }
    void enter() {
        join();
        EXPECT_TRUE(wait_for<group::JoinEnded>().status.ok());
        begin(0);
    }
    void begin(uint64_t state_round) {
        with([=](group::Member& m, group::MemberOutbox& out) {
            EXPECT_TRUE(m.round_begin({state_round}, AsioDriver::now(), out).ok());
        });
    }
    void commit(uint64_t round, uint8_t digest) {
        with([=](group::Member& m, group::MemberOutbox& out) {
            wire::Vote vote;
            vote.digest.bytes[0] = digest;
            EXPECT_TRUE(m.round_commit({round}, vote, false, AsioDriver::now(), out).ok());
        });
    }
    void send_raw(Bytes bytes) {
        with([this, &bytes](group::Member&, group::MemberOutbox&) {
            endpoint_.send_message(LinkKey{}, bytes, AsioDriver::now());
        });
    }

    // The n-th effect of a kind, once it has happened; fails the test after some seconds.
    template <class Effect> Effect wait_for(size_t n = 1) {
        for (int i = 0; i < 3000; ++i) {
            {
                const std::lock_guard lock(mu_);
                size_t seen = 0;
                for (const group::MemberEffect& effect : effects_) {
                    const Effect* hit = std::get_if<Effect>(&effect);
                    if (hit != nullptr && ++seen == n) return *hit;
                }
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        ADD_FAILURE() << "peer " << short_name(id()) << ": it never happened; " << why_;
        return {};
    }

    bool accept_link(const LinkKey&, Instant) override { return false; }
    void link_up(const LinkKey&, LinkSession session, Instant now) override {
        step([&](group::MemberOutbox& out) {
            member_.coordinator_up(0, session == LinkSession::fresh, now, out);
        });
    }
    void link_down(const LinkKey&, LinkDownKind kind, const std::string& detail, Instant now) override {
        step([&](group::MemberOutbox& out) { member_.coordinator_down(0, detail, now, out); });
        const std::lock_guard lock(mu_);
        why_ = std::string(link_down_name(kind)) + ": " + detail;
    }
    void message(const LinkKey&, ByteSpan bytes, Instant now) override {
        const Result<wire::Message> message = wire::decode(bytes);
        ASSERT_TRUE(message.ok());
        step([&](group::MemberOutbox& out) { member_.on_message(0, *message, now, out); });
    }
    BulkSink bulk_begin(const LinkKey&, ByteSpan, uint32_t) override { return {}; }
    void bulk_end(const LinkKey&, uint64_t, bool, Instant) override {}
    std::optional<ByteSpan> bulk_pin(const LinkKey&, const BulkFrame&) override { return std::nullopt; }
    void bulk_unpin(const LinkKey&, const BulkFrame&) override {}

private:
    std::unique_ptr<ChannelFactory> make_channels(bool tls) {
        if (!tls) return nullptr;
        auto channels = TlsChannelFactory::create(identity_);
        WHIM_ASSERT(channels.ok());
        return std::move(*channels);
    }
    group::MemberConfig member_config(const Setup& setup) {
        group::MemberConfig config;
        config.id = identity_.id();
        config.run = setup.run;
        config.token = setup.token;
        config.name = setup.name;
        config.addresses = {{"127.0.0.1", 1}};
        return config;
    }
    template <class Work> void step(Work work) {
        group::MemberOutbox out;
        work(out);
        for (group::MemberEffect& effect : out) {
            if (const auto* send = std::get_if<group::SendToCoordinator>(&effect)) {
                endpoint_.send_message(LinkKey{}, wire::encode(send->message), AsioDriver::now());
                continue;
            }
            const std::lock_guard lock(mu_);
            effects_.push_back(std::move(effect));
        }
    }

    Identity identity_;
    std::unique_ptr<ChannelFactory> channels_;
    const uint64_t boot_ = static_cast<uint64_t>(AsioDriver::now().ns) | 1;
    asio::io_context io_;
    asio::executor_work_guard<asio::io_context::executor_type> guard_{io_.get_executor()};
    AsioDriver driver_{io_};
    group::Member member_;
    Endpoint endpoint_;
    std::mutex mu_;
    std::vector<group::MemberEffect> effects_;  // guarded by mu_
    std::string why_;                           // guarded by mu_: what the link last said
    std::thread thread_;
};

}  // namespace whim::testing
