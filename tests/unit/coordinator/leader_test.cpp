// Goal: links that never speak for a member neither last nor keep anybody out; what no message can carry
// costs a link, not the coordinator. Method: a Leader on a real journal, its endpoint fed with raw hellos.
#include "coordinator/leader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/limits.h"
#include "group/ledger.h"
#include "transport/session/frame.h"
#include "wire/version.h"

namespace whim::coordinator {
namespace {

class NoNetwork final : public StrandDriver {
public:
    void dial(StrandHandle, const Address&) override {}
    void close(StrandHandle) override {}
    void wants_write(StrandHandle) override {}
};

PeerId peer(uint32_t n) {
    PeerId id;
    id.bytes[0] = 1, id.bytes[1] = static_cast<uint8_t>(n >> 8), id.bytes[2] = static_cast<uint8_t>(n);
    return id;
}

class LeaderTest : public ::testing::Test {
protected:
    LeaderTest() {
        char path[] = "/tmp/whim-leader-XXXXXX";
        WHIM_ASSERT(mkdtemp(path) != nullptr);
        dir_ = path;
        journal_ = std::move(*Journal::open(dir_));
        lead();
    }
    void lead() {
        group::CoordinatorConfig config;
        config.run = "run";
        config.dial_back = false;  // nobody answers here
        leader_ = std::move(*Leader::create(
            config, *journal_, [](const std::string&) {}, now_));
        EndpointConfig endpoint;
        endpoint.id.bytes[0] = 9;
        endpoint.run_name = "run";
        endpoint.is_coordinator = true;
        endpoint_ = std::make_unique<Endpoint>(endpoint, nullptr, *leader_, driver_);
        leader_->attach(*endpoint_, now_);
    }
    ~LeaderTest() override {
        endpoint_.reset();
        std::filesystem::remove_all(dir_);
    }
    void connect(uint32_t n) {
        Hello hello;
        hello.version_min = kProtocolVersionMin;
        hello.version_max = kProtocolVersionMax;
        hello.run_name = "run";
        hello.from = peer(n);
        hello.from_instance = {1};
        hello.generation = 1;
        hello.mine = {100, n + 1};
        Bytes bytes;
        put_hello(bytes, hello);
        const StrandHandle strand = endpoint_->accepted({"far", 1}, now_);
        const MutableByteSpan into = endpoint_->read_buffer(strand);
        WHIM_ASSERT(into.size() >= bytes.size());
        std::copy(bytes.begin(), bytes.end(), into.begin());
        endpoint_->did_read(strand, bytes.size(), now_);
    }
    void join(uint32_t n) {
        wire::JoinRequest request;
        request.run = "run";
        leader_->message(link(n), wire::encode(request), now_);
    }
    static LinkKey link(uint32_t n) { return {peer(n), {1}}; }
    void run(Duration span) {
        for (const Instant end = now_ + span; now_ < end; now_ = now_ + milliseconds(200)) settle();
    }
    void settle() {
        if (leader_->deadline() && *leader_->deadline() <= now_) leader_->on_deadline(now_);
    }

    std::string dir_;
    Instant now_{1'000'000'000};
    NoNetwork driver_;
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<Leader> leader_;
    std::unique_ptr<Endpoint> endpoint_;
};

TEST_F(LeaderTest, ALinkThatNeverAsksToJoinIsClosed) {
    connect(1);
    connect(2);
    ASSERT_EQ(endpoint_->links().size(), 2u);
    join(2);
    run(limits::kJoinWait - milliseconds(200));
    EXPECT_TRUE(endpoint_->has_link(link(1)));
    run(milliseconds(600));
    EXPECT_FALSE(endpoint_->has_link(link(1)));
    EXPECT_TRUE(endpoint_->has_link(link(2))) << "it waits for founders, as it said";
}

TEST_F(LeaderTest, AFloodOfSilentLinksKeepsNobodyOut) {
    connect(0);
    join(0);
    for (uint32_t n = 1; n <= 3 * limits::kStrangerLinksMax; ++n) {
        now_ = now_ + milliseconds(1);
        connect(n);
        settle();
        ASSERT_TRUE(endpoint_->has_link(link(n))) << "the newest is let in";
    }
    EXPECT_EQ(endpoint_->links().size(), 1 + limits::kStrangerLinksMax);
    EXPECT_TRUE(endpoint_->has_link(link(0))) << "a member is no stranger";
    const uint32_t last = 3 * limits::kStrangerLinksMax + 1;
    connect(last);
    join(last);
    settle();
    EXPECT_EQ(leader_->snapshot(now_).members.size(), 2u);
}

TEST_F(LeaderTest, ARunWhoseMembersTakeTooManyBytesIsFull) {
    wire::JoinRequest request;
    request.run = "run";
    for (uint32_t i = 0; i < limits::kAddressesPerPeerMax; ++i)
        request.addresses.push_back({std::string(limits::kAddressBytesMax, 'a'), 1});
    const uint32_t askers = 300;
    for (uint32_t n = 0; n < askers; ++n) {
        connect(n);
        leader_->message(link(n), wire::encode(request), now_);
        settle();
    }
    const Snapshot snapshot = leader_->snapshot(now_);
    EXPECT_GT(snapshot.members.size(), 100u);
    EXPECT_EQ(snapshot.counters.refusals, askers - snapshot.members.size());
    EXPECT_GT(snapshot.counters.refusals, 100u);
    EXPECT_TRUE(leader_->journal_status().ok());
}

TEST_F(LeaderTest, ALongRunsJournalStaysShortAndIsResumed) {
    connect(0);
    join(0);
    run(limits::kFounderGrace);
    wire::CommitVote vote;
    vote.vote.bytes.assign(limits::kCommitBytesMax, 7);
    const uint64_t rounds = 5 * limits::kJournalGrowthMin / limits::kCommitBytesMax / 4;
    for (uint64_t round = 1; round <= rounds; ++round) {
        leader_->message(link(0), wire::encode(wire::RoundReady{{round}, {round - 1}}), now_);
        vote.round = {round};
        leader_->message(link(0), wire::encode(vote), now_);
        settle();
        ASSERT_EQ(leader_->snapshot(now_).committed, round);
    }
    EXPECT_LT(journal_->load()->size(), rounds);
    EXPECT_LT(std::filesystem::file_size(dir_ + "/run.db"), 5 * limits::kJournalGrowthMin / 4);
    endpoint_.reset(), leader_.reset(), journal_.reset();
    journal_ = std::move(*Journal::open(dir_));
    lead();
    EXPECT_EQ(leader_->snapshot(now_).committed, rounds);
    EXPECT_EQ(leader_->snapshot(now_).members.size(), 1u);
}

TEST_F(LeaderTest, AViewThatNoMessageCanCarryCostsALink) {
    group::entry::RoundBegun begun;
    begun.round = {1}, begun.epoch = {1};
    std::vector<Bytes> records;
    for (uint32_t n = 0; n < limits::kMembersMax; ++n) {
        group::entry::Admitted admitted;
        wire::MemberInfo& info = admitted.admission.info;
        info.id = {peer(n), {n + 1}};
        info.addresses.assign(limits::kAddressesPerPeerMax, {std::string(limits::kAddressBytesMax, 'a'), 1});
        admitted.admission.boot = 1;
        begun.participants.push_back(info.id), begun.joined.push_back(info.id);
        records.push_back(group::encode_entry(admitted));
    }
    records.push_back(group::encode_entry(begun));
    endpoint_.reset(), leader_.reset(), journal_.reset();
    journal_ = std::move(*Journal::open(dir_));
    ASSERT_TRUE(journal_->append(records).ok());
    journal_.reset();
    journal_ = std::move(*Journal::open(dir_));
    lead();
    ASSERT_EQ(leader_->snapshot(now_).members.size(), limits::kMembersMax);
    connect(0);
    wire::JoinRequest request;
    request.run = "run";
    request.incarnation = {1};
    leader_->message(link(0), wire::encode(request), now_);
    settle();
    EXPECT_FALSE(endpoint_->has_link(link(0)));
    EXPECT_TRUE(leader_->journal_status().ok());
}

}  // namespace
}  // namespace whim::coordinator
