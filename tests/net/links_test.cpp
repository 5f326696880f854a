// Goal: what peers measure on their links reaches the coordinator's pages and `whimbrel links`. Method: a
// coordinator and three whole peers that all-reduce until both have it; the command as a child process.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "child.h"
#include "coordinator/server.h"
#include "raw_client.h"
#include "runtime/log.h"
#include "runtime/runtime.h"

namespace whim::testing {
namespace {

using runtime::OpHandle;
using runtime::Runtime;

constexpr size_t kPeers = 3;
constexpr size_t kElements = 1 << 19;

size_t count_of(const std::string& text, const std::string& part) {
    size_t n = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
}

class LinksTest : public ::testing::Test {
protected:
    LinksTest() {
        (void)runtime::log_set_filter("off");
        char directory[] = "/tmp/whim-links-XXXXXX";
        WHIM_ASSERT(::mkdtemp(directory) != nullptr);
        directory_ = directory;
        coordinator::ServerOptions options;
        options.run = "gpt";
        options.data_dir = directory_;
        options.listen = {"127.0.0.1", 0};
        options.http = Address{"127.0.0.1", 0};
        options.run_options.replicas_min = kPeers;
        options.log = [](const std::string&) {};
        server_ = std::move(*coordinator::CoordinatorServer::start(options));
        for (size_t i = 0; i < kPeers; ++i) {
            runtime::PeerOptions peer;
            WHIM_ASSERT(runtime::apply_invite(*server_->invite(600), peer).ok());
            peer.name = "peer" + std::to_string(i);
            peer.listen = {"127.0.0.1", 0};
            peers_[i] = *Runtime::create(peer);
            in_[i].resize(kElements), out_[i].resize(kElements);
        }
        all([&](size_t i) { return peers_[i]->join(); });
        all([&](size_t i) { return peers_[i]->round_begin({0}); });
    }
    ~LinksTest() override {
        for (auto& peer : peers_) peer->shutdown();
        server_.reset();
        std::filesystem::remove_all(directory_);
    }
    template <class Start> void all(const Start& start) {
        std::vector<Runtime::Handle> ops;
        for (size_t i = 0; i < kPeers; ++i) ops.push_back(*start(i));
        for (size_t i = 0; i < kPeers; ++i) {
            OpHandle* const op = ops[i].get();
            size_t index = 0;
            ASSERT_EQ(peers_[i]->board().wait_any({&op, 1}, milliseconds(30'000), index), Code::OK);
            ASSERT_EQ(op->done()->code, Code::OK) << op->done()->detail;
        }
    }
    void all_reduce() {
        all([&](size_t i) {
            PostOptions post;
            post.in = std::as_bytes(std::span(in_[i]));
            post.out = std::as_writable_bytes(std::span(out_[i]));
            return peers_[i]->post(runtime::OpKind::all_reduce, {0}, post);
        });
    }
    std::string page(const std::string& path) const { return http_get(*server_->http_address(), path).body; }
    // Works until the page says so; what it said last.
    std::string page_with(const std::string& path, const std::string& part, size_t times) {
        std::string text;
        const Instant patience = AsioDriver::now() + milliseconds(30'000);
        while (count_of(text, part) != times && AsioDriver::now() < patience) {
            all_reduce();
            text = page(path);
        }
        return text;
    }

    std::string directory_;
    std::unique_ptr<coordinator::CoordinatorServer> server_;
    std::shared_ptr<Runtime> peers_[kPeers];
    std::vector<float> in_[kPeers], out_[kPeers];
};

TEST_F(LinksTest, AreOnThePagesAndInTheCommand) {
    constexpr size_t kLinks = kPeers * (kPeers - 1);
    const std::string metrics = page_with("/metrics", "\nwhimbrel_link_rate_bytes_per_second{", kLinks);
    for (const char* family :
         {"link_up", "link_rtt_seconds", "link_rtt_min_seconds", "link_rate_bytes_per_second",
          "link_retransmitted_ratio", "link_strands", "link_lossy"}) {
        EXPECT_EQ(count_of(metrics, "\nwhimbrel_" + std::string(family) + "{"), kLinks) << family << metrics;
    }
    for (const char* reason : {"\"strands_reason\": \"", "\"pace_reason\": \""})
        EXPECT_EQ(count_of(page("/state"), reason), kLinks);

    const std::string http = to_string(*server_->http_address());
    Child command({"links", "--http", http});
    EXPECT_EQ(command.after("run gpt"), "   epoch 1   3 members   6 links measured");
    EXPECT_NE(command.after("delivered, row to column"), "");
    EXPECT_NE(command.after("slowest: peer").find("round trip"), std::string::npos);
    EXPECT_NE(command.after("least rate: peer").find("B/s"), std::string::npos);
    EXPECT_EQ(command.after("pace, at most:"), "");
    EXPECT_NE(command.after("  no bound: ").find("this path: "), std::string::npos);
    Child json({"links", "--json", "--http", http});
    EXPECT_EQ(json.after("\"run\": "), "\"gpt\",");
    EXPECT_NE(json.after("\"rate_bytes_per_s\": "), "0,");
}

}  // namespace
}  // namespace whim::testing
