// Goal: peers meet where they say they are reached, not where they listen: behind address translation the two
// differ. Method: a coordinator and two whole peers, each bound to one port and advertising another, which is
// that of a proxy; the round and its all-reduce can only work through the proxies.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "coordinator/server.h"
#include "proxy.h"
#include "runtime/log.h"
#include "runtime/runtime.h"

namespace whim::testing {
namespace {

using runtime::OpHandle;
using runtime::Runtime;

void expect_done(Runtime& runtime, const Result<Runtime::Handle>& started) {
    ASSERT_TRUE(started.ok()) << started.error().detail;
    OpHandle* const op = started->get();
    size_t index = 0;
    ASSERT_EQ(runtime.board().wait_any({&op, 1}, milliseconds(30'000), index), Code::OK);
    EXPECT_EQ(op->done()->code, Code::OK) << op->done()->detail;
}

TEST(Advertise, PeersMeetWhereTheySayTheyAreReached) {
    (void)runtime::log_set_filter("off");
    char directory[] = "/tmp/whim-advertise-XXXXXX";
    ASSERT_NE(::mkdtemp(directory), nullptr);
    Proxy to_coordinator;
    coordinator::ServerOptions options;
    options.run = "gpt";
    options.data_dir = directory;
    options.listen = {"127.0.0.1", 0};
    options.advertise = {to_coordinator.address()};
    options.run_options.replicas_min = 2;
    options.log = [](const std::string&) {};
    auto server = coordinator::CoordinatorServer::start(options);
    ASSERT_TRUE(server.ok()) << server.error().detail;
    to_coordinator.lead_to((*server)->address());

    Proxy proxies[2];
    std::shared_ptr<Runtime> peers[2];
    for (size_t i = 0; i < 2; ++i) {
        runtime::PeerOptions peer;
        ASSERT_TRUE(runtime::apply_invite(*(*server)->invite(600), peer).ok());
        peer.name = "peer" + std::to_string(i);
        peer.listen = {"127.0.0.1", 0};
        peer.advertise = {proxies[i].address()};
        auto made = Runtime::create(peer);
        ASSERT_TRUE(made.ok()) << made.error().detail;
        peers[i] = *made;
        EXPECT_NE(peers[i]->listening().port, proxies[i].address().port);
        proxies[i].lead_to(peers[i]->listening());
    }

    constexpr size_t kElements = 1 << 20;
    std::vector<float> in[2], out[2];
    const auto both = [&](const auto& start) {
        const Result<Runtime::Handle> first = start(0), second = start(1);
        expect_done(*peers[0], first);
        expect_done(*peers[1], second);
    };
    both([&](size_t i) { return peers[i]->join(); });
    both([&](size_t i) { return peers[i]->round_begin({0}); });
    both([&](size_t i) {
        in[i].resize(kElements);
        std::iota(in[i].begin(), in[i].end(), static_cast<float>(i));
        out[i].resize(kElements);
        PostOptions post;
        post.in = std::as_bytes(std::span(in[i]));
        post.out = std::as_writable_bytes(std::span(out[i]));
        return peers[i]->post(runtime::OpKind::all_reduce, {0}, post);
    });
    for (size_t at = 0; at < kElements; ++at) {
        const float sum = in[0][at] + in[1][at];
        ASSERT_EQ(out[0][at], sum) << at;
        ASSERT_EQ(out[1][at], sum) << at;
    }
    EXPECT_GE(proxies[0].bytes_passed() + proxies[1].bytes_passed(), kElements * sizeof(float));
    EXPECT_GT(to_coordinator.bytes_passed(), 0u);
    for (auto& peer : peers) peer->shutdown();
    (*server).reset();
    std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace whim::testing
