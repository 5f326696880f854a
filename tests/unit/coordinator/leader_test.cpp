// Goal: links that never speak for a member neither last nor keep anybody out; what no message can carry
// costs a link, not the coordinator; pages show links as both ends tell of them. Method: a Leader on a real
// journal, its endpoint fed with raw hellos.
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

wire::LinkReading reading_to(uint64_t to, bool up = true, uint32_t rtt_us = 0) {
    wire::LinkReading r;
    r.to = {to}, r.up = up, r.rtt_smoothed_us = rtt_us;
    return r;
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
    void lead(bool dial_back = false) {
        group::CoordinatorConfig config;
        config.run = "run";
        config.dial_back = dial_back;  // nobody answers here
        leader_ = std::move(*Leader::create(
            config, *journal_, [](const std::string&) {}, now_));
        EndpointConfig endpoint;
        endpoint.id.bytes[0] = 9;
        endpoint.run_name = "run";
        endpoint.is_coordinator = true;
        endpoint_ = std::make_unique<Endpoint>(endpoint, nullptr, *leader_, driver_);
        leader_->attach(*endpoint_, now_);
    }
    void lead_anew(bool dial_back) {
        endpoint_.reset(), leader_.reset(), journal_.reset();
        journal_ = std::move(*Journal::open(dir_));
        lead(dial_back);
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
    void join(uint32_t n, std::vector<Address> addresses = {}) {
        wire::JoinRequest request;
        request.run = "run";
        request.addresses = std::move(addresses);
        leader_->message(link(n), wire::encode(request), now_);
    }
    // In the view of round 1; member n has incarnation n + 1.
    void found(uint32_t members) {
        for (uint32_t n = 0; n < members; ++n) connect(n), join(n);
        run(limits::kFounderGrace + milliseconds(400));
        for (uint32_t n = 0; n < members; ++n) {
            leader_->message(link(n), wire::encode(wire::RoundReady{{1}, {}}), now_);
        }
        settle();
        ASSERT_EQ(leader_->snapshot(now_).open_round, 1u);
    }
    void report(uint32_t n, std::vector<wire::LinkReading> links) {
        leader_->message(link(n), wire::encode(wire::LinkReport{std::move(links)}), now_);
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

// Each would cost a step over all members: who was refused may ask again on another link.
TEST_F(LeaderTest, ALinkIsRefusedOnceAndNotHeardAgain) {
    for (const bool back : {false, true}) {  // as one that says it was a member: its first no is not for good
        const uint32_t n = back ? 2 : 1;
        connect(n);
        wire::JoinRequest request;
        request.run = back ? "run" : "another run";
        if (back) request.incarnation = {77};
        const uint64_t heard = leader_->snapshot(now_).counters.messages_received;
        for (int i = 0; i < 100; ++i) leader_->message(link(n), wire::encode(request), now_);
        EXPECT_EQ(leader_->snapshot(now_).counters.messages_received, heard + (back ? 2 : 1));
        run(limits::kLastWordsTime + milliseconds(400));
        EXPECT_FALSE(endpoint_->has_link(link(n)));
    }
}

TEST_F(LeaderTest, WhoWasRefusedIsHeardOnAFreshLink) {
    connect(1);
    wire::JoinRequest request;
    request.run = "another run";
    leader_->message(link(1), wire::encode(request), now_);
    leader_->link_down(link(1), LinkDownKind::closed, "broken", now_);
    leader_->link_up(link(1), LinkSession::fresh, now_);
    join(1);
    EXPECT_EQ(leader_->snapshot(now_).members.size(), 1u);
    run(limits::kLastWordsTime + milliseconds(400));
    EXPECT_TRUE(endpoint_->has_link(link(1)));
}

// Its token was good, and its address swallows dials for a while.
TEST_F(LeaderTest, WhoseAddressesAreTriedMakesWayForNobody) {
    lead_anew(true);
    connect(0);
    join(0, {{"far", 7}});
    for (uint32_t n = 1; n <= 2 * limits::kStrangerLinksMax; ++n) {
        now_ = now_ + milliseconds(1);
        connect(n);
        settle();
    }
    EXPECT_TRUE(endpoint_->has_link(link(0)));
    run(limits::kReachTestTime + seconds(1));
    EXPECT_EQ(leader_->snapshot(now_).members.size(), 1u);
}

// The end of one link may be what admits the other, in the middle of closing both.
TEST_F(LeaderTest, LinksThatAreClosedTogether) {
    lead_anew(true);
    connect(1), connect(2);
    join(2, {{"far", 7}});
    now_ = now_ + limits::kReachTestTime - milliseconds(1);
    for (const uint32_t n : {1u, 2u}) leader_->message(link(n), Bytes(3, std::byte{255}), now_);
    now_ = now_ + milliseconds(1);
    endpoint_->on_deadline(now_);
    leader_->on_deadline(now_);
    EXPECT_FALSE(endpoint_->has_link(link(1)));
    run(seconds(1));
    EXPECT_EQ(leader_->snapshot(now_).counters.messages_malformed, 2u);
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
    lead_anew(false);
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

TEST_F(LeaderTest, PagesShowLinksAsBothEndsTell) {
    found(3);
    wire::LinkReading far = reading_to(2, true, 80'000);
    far.rtt_min_us = 75'000, far.via = {3};
    far.retransmitted_ppm = 2500, far.strands_used = 4, far.bytes_sent = 77;
    far.strands_reason = "a \"long\" \x1b path\n";
    far.pace = 9'000'000, far.pace_reason = "a queue \x1b stood", far.lossy = true;
    report(0, {far});
    now_ = now_ + milliseconds(300);
    wire::LinkReading back = reading_to(1, false);
    back.rate_sent = 5'000'000, back.rate_received = 3'000'000;
    report(1, {back});
    const Snapshot s = leader_->snapshot(now_);
    ASSERT_EQ(s.links.size(), 2u);
    EXPECT_EQ(s.links_left_out, 0u);
    const LinkLine& there = s.links[0];
    EXPECT_EQ(there.from, short_name(MemberId{peer(0), {1}}));
    EXPECT_EQ(there.to, short_name(MemberId{peer(1), {2}}));
    EXPECT_EQ(there.via, short_name(MemberId{peer(2), {3}}));
    EXPECT_EQ(there.rate, 3'000'000u) << "the sender never had enough to tell; the receiver knows";
    EXPECT_EQ(there.age_ms, 300);
    EXPECT_EQ(s.links[1].rate, 5'000'000u) << "of both, what was acknowledged while there was enough to send";
    EXPECT_FALSE(s.links[1].up);
    EXPECT_EQ(there.pace, 9'000'000u);
    EXPECT_TRUE(there.lossy && !s.links[1].lossy);

    const std::string metrics = metrics_text(s);
    const std::string pair =
        "from=\"" + there.from + "\",to=\"" + there.to + "\",from_name=\"\",to_name=\"\"}";
    for (const std::string& line :
         {"whimbrel_link_up{" + pair + " 1\n", "whimbrel_link_relayed{" + pair + " 1\n",
          "whimbrel_link_rtt_seconds{" + pair + " 0.08\n",
          "whimbrel_link_rtt_min_seconds{" + pair + " 0.075\n",
          "whimbrel_link_rate_bytes_per_second{" + pair + " 3000000\n",
          "whimbrel_link_retransmitted_ratio{" + pair + " 0.0025\n", "whimbrel_link_strands{" + pair + " 4\n",
          "whimbrel_link_pace_bytes_per_second{" + pair + " 9000000\n",
          "whimbrel_link_lossy{" + pair + " 1\n", "whimbrel_link_sent_bytes_total{" + pair + " 77\n"}) {
        EXPECT_NE(metrics.find(line), std::string::npos) << line << " in " << metrics;
    }
    for (const std::string family : {"rtt_seconds", "pace_bytes_per_second"}) {
        const std::string unknown = "whimbrel_link_" + family + "{from=\"" + there.to;
        EXPECT_EQ(metrics.find(unknown), std::string::npos) << "not known, so not claimed";
    }
    const std::string state = state_json(s);
    EXPECT_NE(state.find("\"rate_bytes_per_s\": 3000000"), std::string::npos) << state;
    EXPECT_NE(state.find("\"pace_bytes_per_s\": 9000000"), std::string::npos) << state;
    EXPECT_NE(state.find("\"lossy\": true"), std::string::npos) << state;
    EXPECT_EQ(state.find('\x1b'), std::string::npos) << state;
}

TEST_F(LeaderTest, OfVeryManyLinksPagesShowTheSlowest) {
    const uint32_t members = limits::kLinksKeptPerMember + 2;
    found(members);
    for (uint32_t n = 0; n < members; ++n) {
        std::vector<wire::LinkReading> links;
        for (uint32_t to = 0; to < members && links.size() < limits::kLinkReportLinksMax; ++to) {
            if (to != n) links.push_back(reading_to(to + 1, true, 1 + n * 100 + to));
        }
        report(n, std::move(links));
    }
    const Snapshot s = leader_->snapshot(now_);
    EXPECT_EQ(s.links.size(), limits::kLinksShownMax);
    EXPECT_EQ(s.links_left_out, uint64_t{members} * limits::kLinksKeptPerMember - limits::kLinksShownMax);
    EXPECT_EQ(s.links.front().from, short_name(MemberId{peer(2), {3}}))
        << "the two fastest rows are left out";
    EXPECT_EQ(s.links.back().from, short_name(MemberId{peer(members - 1), {members}}));
}

}  // namespace
}  // namespace whim::coordinator
