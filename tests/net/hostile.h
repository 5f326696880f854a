// The three kinds of ports that strangers reach, each of a process of its own: a coordinator's, its pages', a
// peer's. And what must hold of them whatever is sent: they end the connection, stay small, live, and serve
// the next.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/limits.h"
#include "child.h"
#include "control_peer.h"
#include "coordinator/invite_file.h"
#include "raw_client.h"
#include "runtime/log.h"
#include "runtime/runtime.h"
#include "speaker.h"

namespace whim::testing {

struct Target {
    const char* name;
    Address at;
    pid_t pid;
    bool http;
};

// Parameter: TLS or security none.
class Hostile : public ::testing::TestWithParam<bool> {
protected:
    void SetUp() override {
        char path[] = "/tmp/whim-hostile-XXXXXX";
        ASSERT_NE(mkdtemp(path), nullptr);
        dir_ = path;
        if (GetParam()) channels_ = std::move(TlsChannelFactory::create(identity_).value());
        peer_ = std::make_unique<Child>([tls = GetParam()] { run_peer(tls); });
        coordinator_ = std::make_unique<Child>(std::vector<std::string>{
            "coordinator", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", dir_, "--run", "gpt",
            "--security", GetParam() ? "tls" : "none"});
        const std::string ready = coordinator_->after("coordinator ready: ");
        const auto port = [](const std::string& text) { return parse_address(text).value(); };
        targets_ = {{"coordinator", port(field(ready, "listen")), coordinator_->pid(), false},
                    {"pages", port(field(ready, "http")), coordinator_->pid(), true},
                    {"peer", port(peer_->after("peer ready: ")), peer_->pid(), false}};
        expect_all_well();  // and everything that is made once has been made
        for (size_t i = 0; i < targets_.size(); ++i) memory_[i] = resident_bytes(targets_[i].pid);
    }
    void TearDown() override {
        expect_all_well();
        for (size_t i = 0; i < targets_.size(); ++i) {
            const int64_t grown = resident_bytes(targets_[i].pid) - memory_[i];
            EXPECT_LT(grown, kGrowthBytesMax) << targets_[i].name;
        }
        std::filesystem::remove_all(dir_);
    }

    Hello hello() const {
        Hello hello;
        hello.version_min = kProtocolVersionMin;
        hello.version_max = kProtocolVersionMax;
        hello.run_name = "gpt";
        hello.from = identity_.id();
        hello.from_instance = {1};
        hello.generation = 1;
        hello.mine = {7, 1};
        return hello;
    }
    HelloReply answer_to(const Target& target, const Hello& hello, bool byte_by_byte = false) {
        Speaker speaker(target.at, channels_.get(), byte_by_byte);
        EXPECT_TRUE(speaker.say(hello)) << target.name;
        const auto reply = speaker.reply(2 * static_cast<int>(limits::kHandshakeTimeout.ms()));
        EXPECT_TRUE(reply) << target.name << " did not reply";
        return reply.value_or(HelloReply());
    }
    // What a correct dialer sends first.
    std::string good_start(const Target& target) {
        if (target.http) return "GET /healthz HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n";
        if (channels_)
            return std::string(text_of(channels_->make(ChannelFactory::Side::dialer)->to_network()));
        Bytes frame;
        put_hello(frame, hello());
        return std::string(text_of(frame));
    }
    void expect_all_well() {
        const Target &coordinator = targets_[0], &pages = targets_[1], &peer = targets_[2];
        EXPECT_EQ(http_get(pages.at, "/healthz").status, 200);
        ControlPeer::Setup setup;
        setup.coordinator = coordinator.at;
        setup.tls = GetParam();
        const Result<std::string> invite = coordinator::make_invite(dir_, {});
        ASSERT_TRUE(invite.ok()) << invite.error().detail;
        setup.token = *invite;
        ControlPeer joiner(setup);
        joiner.join();
        EXPECT_TRUE(joiner.wait_for<group::JoinEnded>().status.ok());
        Hello other_run = hello();
        other_run.run_name = "vision";
        EXPECT_EQ(answer_to(peer, other_run).detail, "this is run 'gpt', not 'vision'");
    }

    std::string dir_;
    const Identity identity_ = generate_identity();
    std::unique_ptr<TlsChannelFactory> channels_;  // null: security none
    std::unique_ptr<Child> peer_, coordinator_;
    std::vector<Target> targets_;

private:
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    static constexpr int64_t kGrowthBytesMax = 1024 << 20;  // a sanitizer keeps much of what was freed
#else
    static constexpr int64_t kGrowthBytesMax = 32 << 20;
#endif

    static void run_peer(bool tls) {
        (void)runtime::log_set_filter("off");
        runtime::PeerOptions options;
        options.security = tls ? runtime::Security::tls : runtime::Security::none;
        options.run = "gpt";
        options.name = "target";
        options.listen = {"127.0.0.1", 0};
        options.coordinators = {{{{"127.0.0.1", 1}}, std::nullopt}};
        const auto runtime = runtime::Runtime::create(options);
        if (!runtime.ok()) _exit(1);
        std::printf("peer ready: %s\n", to_string((*runtime)->listening()).c_str());
        std::fflush(stdout);
        for (;;) pause();
    }
    static int64_t resident_bytes(pid_t pid) {
        std::ifstream status("/proc/" + std::to_string(pid) + "/status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("VmRSS:")) return std::stoll(line.substr(6)) * 1024;
        }
        ADD_FAILURE() << "process " << pid << " is gone";
        return 0;
    }

    std::array<int64_t, 3> memory_{};  // before the attack
};

}  // namespace whim::testing
