// Goal: whether a peer can be dialled is found out when it joins, with real sockets: what works is in at
// once, what swallows dials costs a bounded time, and the words name address, direction and cause. Method: a
// coordinator and whole peers on loopback; addresses nobody listens at, full listeners, another peer.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "black_hole.h"
#include "coordinator/server.h"
#include "runtime/log.h"
#include "runtime/runtime.h"

namespace whim::testing {
namespace {

using runtime::OpHandle;
using runtime::Runtime;

class ReachTest : public ::testing::Test {
protected:
    ReachTest() {
        (void)runtime::log_set_filter("off");
        char directory[] = "/tmp/whim-reach-XXXXXX";
        directory_ = ::mkdtemp(directory);
        coordinator::ServerOptions options;
        options.run = "gpt";
        options.data_dir = directory_;
        options.listen = {"127.0.0.1", 0};
        options.log = [](const std::string&) {};
        server_ = std::move(*coordinator::CoordinatorServer::start(options));
    }
    ~ReachTest() override {
        peers_.clear();
        server_.reset();
        std::filesystem::remove_all(directory_);
    }
    // Joins as `name`; what its join came to.
    Status join(const std::string& name, std::vector<Address> advertise, bool strict = false,
                const Address& listen = {"127.0.0.1", 0}) {
        runtime::PeerOptions options;
        EXPECT_TRUE(runtime::apply_invite(*server_->invite(600), options).ok());
        options.name = name;
        options.listen = listen;
        options.advertise = std::move(advertise);
        options.require_reachable = strict;
        const std::shared_ptr<Runtime> peer = *Runtime::create(options);
        peers_[name] = peer;
        const Instant start = AsioDriver::now();
        const Result<Runtime::Handle> started = peer->join();
        OpHandle* const op = started->get();
        size_t index = 0;
        EXPECT_EQ(peer->board().wait_any({&op, 1}, milliseconds(30'000), index), Code::OK);
        took_ = AsioDriver::now() - start;
        if (op->done()->code == Code::OK) return {};
        return fail(op->done()->code, op->done()->detail);
    }
    coordinator::MemberLine line(const std::string& name) {
        const coordinator::Snapshot snapshot = *server_->snapshot();
        for (const coordinator::MemberLine& m : snapshot.members)
            if (m.name == name) return m;
        ADD_FAILURE() << name << " is not in";
        return {};
    }
    std::string event(const std::string& name, EventKind kind) {
        while (const auto event = peers_.at(name)->events().pop())
            if (event->kind == kind) return event->text;
        return "";
    }

    std::string directory_;
    std::unique_ptr<coordinator::CoordinatorServer> server_;
    std::map<std::string, std::shared_ptr<Runtime>> peers_;
    Duration took_;
};

Address nobody() {
    asio::io_context io;
    asio::ip::tcp::acceptor closed(io, {asio::ip::make_address("127.0.0.1"), 0});
    return {"127.0.0.1", closed.local_endpoint().port()};
}

TEST_F(ReachTest, OnLoopbackTheTestCostsNothing) {
    ASSERT_TRUE(join("here", {}).ok());
    EXPECT_LT(took_, milliseconds(500));
    EXPECT_FALSE(line("here").outbound_only);
    EXPECT_EQ(line("here").unreached, "");
    EXPECT_EQ(event("here", EventKind::not_reached), "");
}

TEST_F(ReachTest, ANameForBothFamiliesIsDialledUntilItAnswers) {
    ASSERT_TRUE(join("v4", {{"localhost", 0}}).ok());  // ::1 is refused, 127.0.0.1 answers
    EXPECT_FALSE(line("v4").outbound_only);
    EXPECT_LT(took_, seconds(2));
}

TEST_F(ReachTest, AnAddressThatSwallowsDialsComesLastAndCostsAMoment) {
    const BlackHole hole;
    const Address swallowed{"127.0.0.1", hole.at().port()};
    ASSERT_TRUE(join("two", {swallowed, {"127.0.0.1", 0}}).ok());
    EXPECT_LT(took_, limits::kReachTestSpare + seconds(1));
    EXPECT_FALSE(line("two").outbound_only);
    ASSERT_EQ(line("two").addresses.size(), 2u);
    EXPECT_EQ(line("two").addresses[1], to_string(swallowed));
}

TEST_F(ReachTest, SilenceIsBoundedAndNamed) {
    const BlackHole hole;
    const Address swallowed{"127.0.0.1", hole.at().port()};
    ASSERT_TRUE(join("walled", {swallowed}).ok());
    EXPECT_GE(took_, limits::kReachTestTime - milliseconds(100));
    EXPECT_LT(took_, limits::kReachTestTime + seconds(2));
    EXPECT_TRUE(line("walled").outbound_only);
    const std::string told = event("walled", EventKind::not_reached);
    EXPECT_TRUE(told.starts_with("coordinator -> walled at " + to_string(swallowed) +
                                 ": no answer in 3 s (a firewall?). It goes on as outbound-only: "))
        << told;
    EXPECT_EQ(line("walled").unreached, told);
}

TEST_F(ReachTest, AnotherPeerAtThatAddressIsNotThisOne) {
    ASSERT_TRUE(join("first", {}).ok());
    const Address its = peers_.at("first")->listening();
    ASSERT_TRUE(join("second", {its}).ok());
    EXPECT_TRUE(line("second").outbound_only);
    EXPECT_EQ(line("second").unreached.substr(0, line("second").unreached.find(". It")),
              "coordinator -> second at " + to_string(its) + ": another peer answers, " +
                  short_name(peers_.at("first")->id()));
}

TEST_F(ReachTest, WhoeverRequiresItIsRefusedWithTheReason) {
    const Address closed = nobody();
    const Status refused = join("strict", {closed}, true);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::E_UNREACHABLE);
    EXPECT_NE(refused.error().detail.find("coordinator -> strict at " + to_string(closed) +
                                          ": connection refused (nobody listens there)"),
              std::string::npos)
        << refused.error().detail;
    EXPECT_TRUE(server_->snapshot()->members.empty());
}

TEST_F(ReachTest, WithACoordinatorOnThisMachineTheWayAwayIsAdvertisedToo) {
    ASSERT_TRUE(join("everywhere", {}, false, {"0.0.0.0", 0}).ok());
    const std::vector<std::string> addresses = line("everywhere").addresses;
    ASSERT_FALSE(addresses.empty());
    EXPECT_TRUE(addresses[0].starts_with("127.0.0.1:")) << addresses[0];
    for (size_t i = 1; i < addresses.size(); ++i)
        EXPECT_FALSE(addresses[i].starts_with("127.")) << addresses[i];
}

}  // namespace
}  // namespace whim::testing
