// Goal: with real sockets and threads, a pair whose path is cut goes on through the third peer within three
// seconds, nobody is evicted, and the link is direct again after the cut; peers that nobody can dial train
// with one that can be dialled. Method: a coordinator and three whole peers in this process. The one whose id
// lies between the others' is dialled by the lowest only, so a proxy before it that swallows everything cuts
// off exactly that pair.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
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
using runtime::Security;
constexpr size_t kPeers = 3;

class Relay : public ::testing::TestWithParam<Security> {
protected:
    void SetUp() override {
        (void)runtime::log_set_filter("off");
        ASSERT_NE(::mkdtemp(directory_), nullptr);
        coordinator::ServerOptions options;
        options.run = "relay";
        options.data_dir = directory_;
        options.listen = {"127.0.0.1", 0};
        options.run_options.replicas_min = kPeers;
        options.tls = GetParam() == Security::tls;
        options.log = [](const std::string&) {};
        auto server = coordinator::CoordinatorServer::start(options);
        ASSERT_TRUE(server.ok()) << server.error().detail;
        server_ = std::move(*server);
    }
    void TearDown() override {
        for (auto& peer : peers_) peer->shutdown();
        server_.reset();
        std::filesystem::remove_all(directory_);
    }

    void start(size_t outbound_only) {
        for (size_t i = 0; i < kPeers; ++i) {
            runtime::PeerOptions peer;
            ASSERT_TRUE(runtime::apply_invite(*server_->invite(600), peer).ok());
            peer.name = "peer" + std::to_string(i);
            peer.listen = {"127.0.0.1", 0};
            peer.outbound_only = i < outbound_only;
            if (!peer.outbound_only) peer.advertise = {proxies_[i].address()};
            auto made = Runtime::create(peer);
            ASSERT_TRUE(made.ok()) << made.error().detail;
            peers_.push_back(*made);
            proxies_[i].lead_to(peers_[i]->listening());
            by_id_.push_back(i);
        }
        std::sort(by_id_.begin(), by_id_.end(),
                  [&](size_t a, size_t b) { return peers_[a]->id() < peers_[b]->id(); });
        all([](Runtime& peer, size_t) { return peer.join(); });
        all([](Runtime& peer, size_t) { return peer.round_begin({0}); });
    }
    // Starts at every peer, waits for all; how long that took.
    template <class Start> std::chrono::milliseconds all(const Start& start) {
        const auto began = std::chrono::steady_clock::now();
        std::vector<Runtime::Handle> handles;
        for (size_t i = 0; i < kPeers; ++i) {
            const Result<Runtime::Handle> handle = start(*peers_[i], i);
            EXPECT_TRUE(handle.ok()) << (handle.ok() ? "" : handle.error().detail);
            if (handle.ok()) handles.push_back(*handle);
        }
        for (size_t i = 0; i < handles.size(); ++i) {
            OpHandle* const op = handles[i].get();
            size_t index = 0;
            EXPECT_EQ(peers_[i]->board().wait_any({&op, 1}, milliseconds(30'000), index), Code::OK);
            EXPECT_TRUE(op->done() && op->done()->code == Code::OK) << (op->done() ? op->done()->detail : "");
        }
        const auto took = std::chrono::steady_clock::now() - began;
        return std::chrono::duration_cast<std::chrono::milliseconds>(took);
    }
    std::chrono::milliseconds sum(uint64_t tag, size_t elements) {
        std::vector<float> in[kPeers], out[kPeers];
        const auto took = all([&](Runtime& peer, size_t i) {
            in[i].resize(elements);
            std::iota(in[i].begin(), in[i].end(), static_cast<float>(i));
            out[i].resize(elements);
            PostOptions post;
            post.tag = tag;
            post.in = std::as_bytes(std::span(in[i]));
            post.out = std::as_writable_bytes(std::span(out[i]));
            return peer.post(runtime::OpKind::all_reduce, {0}, post);
        });
        for (size_t i = 0; i < kPeers; ++i) {
            for (size_t at = 0; at < elements; ++at) {
                const float want = in[0][at] + in[1][at] + in[2][at];
                if (out[i][at] != want) {
                    ADD_FAILURE() << "element " << at << " at peer " << i;
                    break;
                }
            }
        }
        return took;
    }
    // The relay of the link from one to another, by peer id; nullopt: its own path, or no link.
    std::optional<PeerId> via(size_t from, size_t to) {
        const PeerId other = peers_[to]->id();
        const auto answer = peers_[from]->ask([other](const Engine& engine) {
            std::optional<PeerId> relay;
            for (const auto& [key, stats] : engine.links())
                if (key.peer == other && stats.via) relay = stats.via->peer;
            return relay;
        });
        return answer.value_or(std::nullopt);
    }
    bool comes(int seconds, const std::function<bool()>& condition) {
        for (int i = 0; i < seconds * 20; ++i) {
            if (condition()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        return false;
    }
    std::vector<std::string> routes_told(size_t peer) {
        std::vector<std::string> told;
        for (auto event = peers_[peer]->events().pop(); event; event = peers_[peer]->events().pop()) {
            EXPECT_NE(event->kind, EventKind::evicted) << event->text;
            if (event->kind == EventKind::peer_routed) told.push_back(event->text);
        }
        return told;
    }
    size_t members() {
        return peers_[0]->ask([](const Engine& engine) { return engine.view().members.size(); }).value_or(0);
    }

    char directory_[32] = "/tmp/whim-relay-XXXXXX";
    std::unique_ptr<coordinator::CoordinatorServer> server_;
    Proxy proxies_[kPeers];
    std::vector<std::shared_ptr<Runtime>> peers_;
    std::vector<size_t> by_id_;  // indices, by rising peer id
};

TEST_P(Relay, ACutPairGoesOnThroughTheThirdAndBack) {
    start(0);
    const size_t low = by_id_[0], middle = by_id_[1], high = by_id_[2];
    sum(1, 1 << 20);
    EXPECT_EQ(via(low, middle), std::nullopt);

    proxies_[middle].swallow(true);
    const auto cut_off = sum(2, 1 << 20);
    std::printf("cut off: all-reduce of 4 MiB took %ld ms\n", static_cast<long>(cut_off.count()));
    EXPECT_LT(cut_off.count(), 3000 + 2000) << "three seconds, and what a busy machine takes";
    EXPECT_EQ(via(low, middle), peers_[high]->id());
    const auto relayed = sum(3, 4 << 20);
    std::printf("relayed: all-reduce of 16 MiB took %ld ms\n", static_cast<long>(relayed.count()));
    std::this_thread::sleep_for(std::chrono::seconds(6));  // longer than a pair may be broken
    sum(4, 1 << 20);
    EXPECT_EQ(members(), kPeers);

    proxies_[middle].swallow(false);
    EXPECT_TRUE(comes(25, [&] { return !via(low, middle) && !via(middle, low); }));
    sum(5, 1 << 20);
    EXPECT_EQ(members(), kPeers);
    const auto told = routes_told(low);
    ASSERT_GE(told.size(), 2u);
    EXPECT_NE(told.front().find("is reached through"), std::string::npos) << told.front();
    EXPECT_NE(told.back().find("directly again"), std::string::npos) << told.back();
    if (GetParam() == Security::tls) { EXPECT_EQ(told.size(), 2u) << "said once each"; }
}

TEST_P(Relay, TwoThatNobodyCanDialTrainWithOneThatCanBeDialled) {
    start(2);
    sum(1, 1 << 20);
    EXPECT_EQ(via(0, 1), peers_[2]->id());
    EXPECT_EQ(via(1, 0), peers_[2]->id());
    EXPECT_EQ(via(0, 2), std::nullopt);
    std::this_thread::sleep_for(std::chrono::seconds(6));
    sum(2, 1 << 20);
    EXPECT_EQ(members(), kPeers);
}

INSTANTIATE_TEST_SUITE_P(With, Relay, ::testing::Values(Security::tls, Security::none),
                         [](const auto& info) { return info.param == Security::tls ? "Tls" : "None"; });

}  // namespace
}  // namespace whim::testing
