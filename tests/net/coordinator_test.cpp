// Goal: a coordinator as it runs: real sockets, TLS, SQLite and processes. It admits by invite, survives
// SIGKILL with a higher fencing token and nothing lost, keeps a second one off its directory, and shows
// itself over HTTP. Method: the whimbrel command as a child process and CoordinatorServer in this one; peers
// are member state machines over real links.
#include "coordinator/server.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <limits>

#include "child.h"
#include "control_peer.h"
#include "coordinator/invite_file.h"
#include "raw_client.h"

namespace whim {
namespace {

using testing::Child;
using testing::ControlPeer;
using testing::eventually;
using testing::field;
using testing::http_exchange;
using testing::http_get;
using testing::HttpAnswer;

class CoordinatorTest : public ::testing::Test {
protected:
    CoordinatorTest() {
        char path[] = "/tmp/whim-coordinator-XXXXXX";
        WHIM_ASSERT(mkdtemp(path) != nullptr);
        dir_ = path;
    }
    ~CoordinatorTest() override { std::filesystem::remove_all(dir_); }

    std::vector<std::string> arguments(const std::string& listen) const {
        return {"coordinator", "--listen", listen, "--http",           "127.0.0.1:0", "--data",
                dir_,          "--run",    "gpt",  "--round-grace-ms", "300"};
    }
    ControlPeer::Setup setup(const std::string& name) const {
        const auto word = coordinator::make_invite(dir_, {});
        WHIM_ASSERT(word.ok());
        const auto invite = wire::decode_invite(*word);
        ControlPeer::Setup s;
        s.token = *word;
        s.coordinator = invite->coordinators.at(0).addresses.at(0);
        s.pin = invite->coordinators.at(0).key;
        s.name = name;
        return s;
    }
    coordinator::ServerOptions options() const {
        coordinator::ServerOptions o;
        o.run = "gpt";
        o.data_dir = dir_;
        o.listen = {"127.0.0.1", 0};
        o.run_options.round_grace_ms = 300;
        o.log = [](const std::string&) {};
        return o;
    }
    // Whatever is appended from now on fails.
    void break_journal() const {
        sqlite3* db = nullptr;
        ASSERT_EQ(sqlite3_open((dir_ + "/run.db").c_str(), &db), SQLITE_OK);
        EXPECT_EQ(sqlite3_exec(db, "DROP TABLE records", nullptr, nullptr, nullptr), SQLITE_OK);
        sqlite3_close(db);
    }
    std::string dir_;
};

TEST_F(CoordinatorTest, AKilledOneResumesWithAHigherTokenAndNothingIsLost) {
    auto child = std::make_unique<Child>(arguments("127.0.0.1:0"));
    const std::string first = child->after("coordinator ready: ");
    ASSERT_EQ(field(first, "fencing"), "1") << first;
    ASSERT_EQ(field(first, "peer").size(), 64u);

    ControlPeer a(setup("a")), b(setup("b"));
    for (ControlPeer* peer : {&a, &b}) peer->enter();
    ASSERT_EQ(a.wait_for<group::RoundBegan>().start.participants.size(), 2u);
    b.wait_for<group::RoundBegan>();
    for (ControlPeer* peer : {&a, &b}) peer->commit(1, 7);
    for (ControlPeer* peer : {&a, &b}) EXPECT_TRUE(peer->wait_for<group::RoundEnded>().mine.ok());
    for (ControlPeer* peer : {&a, &b}) peer->begin(1);
    for (ControlPeer* peer : {&a, &b}) EXPECT_EQ(peer->wait_for<group::RoundBegan>(2).start.round, Round{2});
    a.commit(2, 8);

    EXPECT_EQ(child->end(SIGKILL), -SIGKILL);
    b.commit(2, 8);  // said to nobody
    child = std::make_unique<Child>(arguments(field(first, "listen")));
    const std::string second = child->after("coordinator ready: ");
    EXPECT_EQ(field(second, "fencing"), "2") << second;
    EXPECT_EQ(field(second, "peer"), field(first, "peer")) << "its key outlives it";
    for (ControlPeer* peer : {&a, &b}) {
        const auto ended = peer->wait_for<group::RoundEnded>(2);
        EXPECT_TRUE(ended.mine.ok());
        EXPECT_EQ(ended.outcome.round, Round{2});
        EXPECT_EQ(ended.outcome.contributors.size(), 2u) << "both votes were said again";
        peer->with([](group::Member& m, group::MemberOutbox&) { EXPECT_EQ(m.fencing(), FencingToken{2}); });
    }
    a.with([](group::Member& m, group::MemberOutbox& out) { m.record(5, {1}, AsioDriver::now(), out); });
    const auto found = a.wait_for<group::RecordFound>();
    ASSERT_TRUE(found.record) << "round 1 was committed under token 1";
    EXPECT_EQ(found.record->digest.bytes[0], 7);
    EXPECT_EQ(child->end(SIGTERM), 0);
}

TEST_F(CoordinatorTest, OneDirectoryOneCoordinator) {
    const auto first = coordinator::CoordinatorServer::start(options());
    ASSERT_TRUE(first.ok()) << first.error().detail;
    Child second(arguments("127.0.0.1:0"));
    EXPECT_NE(second.after("another coordinator holds " + dir_).find("one directory"), std::string::npos);
    EXPECT_EQ(second.end(0), 1);
    const auto third = coordinator::CoordinatorServer::start(options());
    ASSERT_FALSE(third.ok());
    EXPECT_EQ(third.error().code, Code::E_STORE);
}

TEST_F(CoordinatorTest, ADirectoryBelongsToOneRun) {
    ASSERT_TRUE(coordinator::CoordinatorServer::start(options()).ok());
    coordinator::ServerOptions other = options();
    other.run = "vision";
    const auto refused = coordinator::CoordinatorServer::start(other);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().detail.find("belongs to run gpt, not vision"), std::string::npos)
        << refused.error().detail;
    other.run.clear();
    const auto same = coordinator::CoordinatorServer::start(other);
    ASSERT_TRUE(same.ok());
    EXPECT_EQ((*same)->run(), "gpt") << "the name need not be said twice";
}

TEST_F(CoordinatorTest, AWrongInviteIsRefusedWithTheReason) {
    const auto server = coordinator::CoordinatorServer::start(options());
    ASSERT_TRUE(server.ok());
    const auto refusal = [&](const std::string& token) {
        ControlPeer::Setup s = setup("x");
        s.token = token;
        ControlPeer peer(s);
        peer.join();
        const Status status = peer.wait_for<group::JoinEnded>().status;
        EXPECT_FALSE(status.ok());
        return status.ok() ? std::string() : status.error().detail;
    };
    EXPECT_NE(refusal("").find("by invite only"), std::string::npos);
    EXPECT_NE(refusal("whim1.nonsense").find("cut short or mistyped"), std::string::npos);

    PeerId somebody;
    somebody.bytes[0] = 1;
    EXPECT_NE(refusal(*(*server)->invite(60, somebody)).find("is for peer 01000000"), std::string::npos);

    const std::string expired = *(*server)->invite(1);
    std::this_thread::sleep_for(std::chrono::milliseconds(2100));
    EXPECT_NE(refusal(expired).find("expired"), std::string::npos);

    ControlPeer welcome(setup("w"));
    welcome.join();
    EXPECT_TRUE(welcome.wait_for<group::JoinEnded>().status.ok());
}

TEST_F(CoordinatorTest, AnInviteLastsAsLongAsItSaysOrIsNotMade) {
    const auto server = coordinator::CoordinatorServer::start(options());
    ASSERT_TRUE(server.ok());
    const auto said = [&](const std::string& ttl, const std::string& word) {
        return Child({"invite", "--data", dir_, "--ttl=" + ttl}).after(word);
    };
    for (const char* ttl : {"-5s", "+5s", " 5s", "s", "5x", "5ss", "0s", "0x5", "5 s"}) {
        EXPECT_NE(said(ttl, "whimbrel: --ttl").find("write a number and s, m, h or d"), std::string::npos)
            << ttl;
    }
    for (const char* ttl :
         {"36501d", "18446744073709551615s", "18446744073709551616", "307445734561825861m"}) {
        EXPECT_NE(said(ttl, "whimbrel: --ttl").find("at most 36500 days"), std::string::npos) << ttl;
    }
    const auto lasts = [](const std::string& word) {
        const auto invite = wire::decode_invite("whim1" + word);
        return invite.ok() ? static_cast<int64_t>(invite->expires_at_s) - std::time(nullptr) : -1;
    };
    EXPECT_NEAR(static_cast<double>(lasts(said("90", "whim1"))), 90, 30);
    EXPECT_NEAR(static_cast<double>(lasts(said("36500d", "whim1"))), 36500.0 * 86400, 30);
    const auto endless = wire::decode_invite(*(*server)->invite(std::numeric_limits<uint64_t>::max()));
    EXPECT_EQ(endless->expires_at_s, std::numeric_limits<uint64_t>::max())
        << "it does not wrap into the past";
}

TEST_F(CoordinatorTest, OpenAdmissionNeedsNoTokenAndSaysSoLoudly) {
    coordinator::ServerOptions o = options();
    o.open_admission = true;
    std::vector<std::string> lines;
    o.log = [&](const std::string& line) { lines.push_back(line); };
    const auto server = coordinator::CoordinatorServer::start(o);
    ASSERT_TRUE(server.ok());
    EXPECT_TRUE(
        std::any_of(lines.begin(), lines.end(), [](const std::string& l) { return l.find("WARNING") == 0; }));
    ControlPeer::Setup s = setup("x");
    s.token.clear();
    ControlPeer peer(s);
    peer.join();
    EXPECT_TRUE(peer.wait_for<group::JoinEnded>().status.ok());
}

TEST_F(CoordinatorTest, PagesShowWhoIsIn) {
    coordinator::ServerOptions o = options();
    o.http = Address{"127.0.0.1", 0};
    const auto server = coordinator::CoordinatorServer::start(o);
    ASSERT_TRUE(server.ok());
    ControlPeer peer(setup("eu-2"));
    peer.enter();
    peer.wait_for<group::RoundBegan>();

    const Address at = *(*server)->http_address();
    EXPECT_EQ(http_get(at, "/healthz").status, 200);
    const HttpAnswer state = http_get(at, "/state?pretty=1");
    ASSERT_EQ(state.status, 200);
    for (const char* part :
         {"\"run\": \"gpt\"", "\"name\": \"eu-2\"", "\"open_round\": 1", "works on round 1"}) {
        EXPECT_NE(state.body.find(part), std::string::npos) << part << " in " << state.body;
    }
    const HttpAnswer metrics = http_get(at, "/metrics");
    for (const char* part : {"whimbrel_members 1\n", "whimbrel_rounds_begun_total 1\n",
                             "whimbrel_fencing_token 1\n", "# EOF\n"}) {
        EXPECT_NE(metrics.body.find(part), std::string::npos) << part << " in " << metrics.body;
    }
    EXPECT_EQ(http_get(at, "/nothing").status, 404);
    const HttpAnswer head = http_exchange(at, "HEAD /state HTTP/1.1\r\n\r\n");
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.body, "");
    EXPECT_EQ(http_exchange(at, "POST /state HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi").status, 405);
}

TEST_F(CoordinatorTest, TwoDoNotShareAPortForPages) {
    coordinator::ServerOptions o = options();
    o.http = Address{"127.0.0.1", 0};
    const auto server = coordinator::CoordinatorServer::start(o);
    ASSERT_TRUE(server.ok());
    coordinator::ServerOptions other = options();
    other.data_dir = dir_ + "/other";
    other.http = (*server)->http_address();
    const auto refused = coordinator::CoordinatorServer::start(other);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::E_BIND);
    EXPECT_NE(refused.error().detail.find(to_string(*other.http)), std::string::npos)
        << refused.error().detail;
}

// The table's loss is what an operator must see most of all.
TEST_F(CoordinatorTest, AFailedJournalShowsOnThePages) {
    coordinator::ServerOptions o = options();
    o.http = Address{"127.0.0.1", 0};
    const auto server = coordinator::CoordinatorServer::start(o);
    ASSERT_TRUE(server.ok());
    const Address at = *(*server)->http_address();
    break_journal();
    ControlPeer peer(setup("late"));  // its admission is the write that fails
    peer.join();
    const auto broken = [&] { return http_get(at, "/healthz").status == 503; };
    ASSERT_TRUE(eventually(broken));
    const HttpAnswer metrics = http_get(at, "/metrics");
    EXPECT_EQ(metrics.status, 503);
    EXPECT_NE(metrics.body.find("whimbrel_journal_healthy 0\n"), std::string::npos) << metrics.body;
    const HttpAnswer state = http_get(at, "/state");
    EXPECT_EQ(state.status, 503);
    EXPECT_EQ(state.body.find("\"journal_error\": \"\""), std::string::npos) << state.body;
    EXPECT_NE(state.body.find("\"journal_error\": \""), std::string::npos) << state.body;
}

TEST_F(CoordinatorTest, WhatStrangersCallThemselvesCannotForgeALine) {
    coordinator::ServerOptions o = options();
    o.http = Address{"127.0.0.1", 0};
    std::string log;
    o.log = [&](const std::string& line) { log += line + "\n"; };
    auto server = coordinator::CoordinatorServer::start(o);
    ASSERT_TRUE(server.ok());
    const Address at = *(*server)->http_address();
    const std::string name = "\x1b[2Jx\xff\ncoordinator: \"evicted\" all";
    ControlPeer in(setup(name));
    in.enter();
    ControlPeer::Setup bad = setup(name);
    bad.token.clear();
    ControlPeer out(bad);
    out.join();
    EXPECT_FALSE(out.wait_for<group::JoinEnded>().status.ok());
    const std::string metrics = http_get(at, "/metrics").body;
    EXPECT_NE(metrics.find("name=\"?[2Jx??coordinator: \\\"evicted\\\" all\"}"), std::string::npos)
        << metrics;
    (*server).reset();  // nothing is logged any more
    EXPECT_NE(log.find("?[2Jx??coordinator: \"evicted\" all"), std::string::npos) << log;
    EXPECT_EQ(log.find_first_of("\x1b\xff"), std::string::npos) << log;
    EXPECT_EQ(log.find("\ncoordinator: \"evicted"), std::string::npos) << log;
}

TEST_F(CoordinatorTest, AnOperatorEvictsAndTheMemberIsToldWhy) {
    const auto server = coordinator::CoordinatorServer::start(options());
    ASSERT_TRUE(server.ok());
    ControlPeer peer(setup("a"));
    peer.enter();
    peer.wait_for<group::RoundBegan>();
    (*server)->evict({peer.id(), {1}}, "by the operator: maintenance");
    const auto evicted = peer.wait_for<group::Evicted>();
    EXPECT_EQ(evicted.error.code, Code::E_EVICTED);
    EXPECT_EQ(evicted.error.detail, "by the operator: maintenance");
    peer.join();
    EXPECT_TRUE(peer.wait_for<group::JoinEnded>(2).status.ok());
}

TEST_F(CoordinatorTest, AMessageThatCannotBeReadEndsItsLinkOnly) {
    const auto server = coordinator::CoordinatorServer::start(options());
    ASSERT_TRUE(server.ok());
    ControlPeer good(setup("good")), bad(setup("bad"));
    for (ControlPeer* peer : {&good, &bad}) peer->join();
    for (ControlPeer* peer : {&good, &bad}) peer->wait_for<group::JoinEnded>();
    bad.send_raw(Bytes(100, std::byte{0xff}));
    EXPECT_FALSE(bad.wait_for<group::CoordinatorChanged>(2).connected);
    good.begin(0);
    good.wait_for<group::RoundBegan>();
    EXPECT_EQ((*server)->snapshot()->counters.messages_malformed, 1u);
}

}  // namespace
}  // namespace whim
