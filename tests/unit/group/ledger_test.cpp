// Goal: the ledger a restarted coordinator reads is the one its predecessor had; a journal that cannot be is
// refused. Method: run a World through joins, deaths, rounds and exclusions, restoring at every prefix of its
// journal; then cut, repeat and reorder records.
#include "group/ledger.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "group_world.h"

namespace whim::group {
namespace {

Ledger fold(const std::vector<Bytes>& records) {
    Ledger ledger;
    for (const Bytes& record : records) {
        const Result<Entry> entry = decode_entry(record);
        EXPECT_TRUE(entry.ok());
        EXPECT_TRUE(ledger.apply(*entry).ok());
    }
    return ledger;
}

World eventful() {
    World w;
    w.found(4);
    w.commit_all(1);
    w.kill(2);
    for (const uint8_t n : {1, 3, 4}) WHIM_ASSERT(w.begin(n, 1).ok());
    wire::OpExcludeRequest request;
    request.op = {{2}, 7, 0};
    request.members = {w.id(4)};
    request.birth_count = 3;
    w.with(1, [&](MemberOutbox& out) { w.peers[1].member->exclude(request, w.now, out); });
    w.add(5);
    w.join(5);
    WHIM_ASSERT(w.begin(5, 0).ok());
    for (const uint8_t n : {1, 3, 4}) WHIM_ASSERT(w.commit(n, 2, 7).ok());
    for (const uint8_t n : {1, 3, 4}) WHIM_ASSERT(w.begin(n, 2).ok());
    return w;
}

TEST(Ledger, ReadBackItIsTheSame) {
    World w = eventful();
    const Ledger ledger = fold(w.journal);
    EXPECT_EQ(ledger.view, w.coordinator->view());
    EXPECT_EQ(ledger.committed, Round{2});
    ASSERT_TRUE(ledger.open);
    EXPECT_EQ(ledger.open->round, Round{3});
    EXPECT_EQ(ledger.last_incarnation, Incarnation{5});
    ASSERT_TRUE(w.coordinator->record({2}));
    EXPECT_EQ(ledger.outcome({2})->record, *w.coordinator->record({2}));
}

TEST(Ledger, CondensedItIsTheSameAndGoesOnTheSameWay) {
    const World w = eventful();
    for (size_t n = 1; n <= w.journal.size(); ++n) {
        const auto middle = w.journal.begin() + static_cast<int64_t>(n);
        std::vector<Bytes> records;
        for (const Entry& entry : fold({w.journal.begin(), middle}).condensed())
            records.push_back(encode_entry(entry));
        EXPECT_LE(records.size(), 1 + limits::kRoundRecordsKept);
        records.insert(records.end(), middle, w.journal.end());
        const Ledger whole = fold(w.journal), mended = fold(records);
        const auto encoded = [](const Ledger& ledger) {
            std::vector<Bytes> all;
            for (const Entry& entry : ledger.condensed()) all.push_back(encode_entry(entry));
            return all;
        };
        EXPECT_EQ(encoded(mended), encoded(whole)) << "condensed after " << n << " records";
        EXPECT_EQ(mended.view, whole.view);
        EXPECT_EQ(mended.last_commit.outcome.round, whole.last_commit.outcome.round);
    }
}

TEST(Ledger, TheLastCommitOutlivesManyAborts) {
    World w;
    w.found(2);
    w.commit_all(1);
    for (uint64_t n = 0; n < limits::kRoundRecordsKept + 3; ++n) {
        for (const uint8_t p : {1, 2}) ASSERT_TRUE(w.begin(p, 1).ok());
        CoordinatorOutbox out;
        w.coordinator->abort_round("maintenance", w.now, out);
        w.perform(out);
    }
    w.kill_coordinator();
    w.start_coordinator();
    const Ledger whole = fold(w.journal);
    ASSERT_EQ(whole.outcome({1}), nullptr);
    w.journal = w.coordinator->condensed();
    w.kill_coordinator();
    w.start_coordinator();
    const Ledger mended = fold(w.journal);
    EXPECT_EQ(mended.committed, Round{1});
    EXPECT_EQ(mended.last_commit.record, whole.last_commit.record);
    EXPECT_EQ(mended.closed.size(), whole.closed.size());
    EXPECT_EQ(mended.outcome({1}), nullptr);
    EXPECT_EQ(w.coordinator->fencing(), FencingToken{3});
}

TEST(Ledger, EveryPrefixOfAJournalIsAStateToResumeFrom) {
    const World w = eventful();
    Round committed;
    Epoch epoch;
    for (size_t n = 0; n <= w.journal.size(); ++n) {
        const std::vector<Bytes> prefix(w.journal.begin(), w.journal.begin() + static_cast<int64_t>(n));
        CoordinatorOutbox out;
        CoordinatorConfig config;
        config.run = "test";
        const Result<Coordinator> restored = Coordinator::restore(config, {99}, prefix, w.now, out);
        ASSERT_TRUE(restored.ok()) << n << ": " << restored.error().detail;
        EXPECT_GE(restored->committed(), committed);
        EXPECT_GE(restored->view().epoch, epoch);
        committed = restored->committed();
        epoch = restored->view().epoch;
    }
}

TEST(Ledger, EntriesSurviveEncodingAndNoCutIsAccepted) {
    const World w = eventful();
    for (const Bytes& record : w.journal) {
        const Result<Entry> entry = decode_entry(record);
        ASSERT_TRUE(entry.ok());
        EXPECT_EQ(encode_entry(*entry), record);
        for (size_t length = 0; length < record.size(); ++length) {
            const Result<Entry> cut = decode_entry(ByteSpan(record).first(length));
            ASSERT_FALSE(cut.ok());
            EXPECT_EQ(cut.error().code, Code::E_STORE);
        }
        Bytes newer = record;
        for (const uint8_t other : {1, 3}) {
            newer[0] = std::byte{other};
            EXPECT_NE(decode_entry(newer).error().detail.find(fmt::format("version {}", other)),
                      std::string::npos);
        }
    }
}

TEST(Ledger, AJournalThatCannotBeIsRefusedWithTheRecord) {
    const World w = eventful();
    const auto refusal = [&](const std::vector<Bytes>& records) {
        CoordinatorOutbox out;
        CoordinatorConfig config;
        config.run = "test";
        const Result<Coordinator> restored = Coordinator::restore(config, {99}, records, w.now, out);
        return restored.ok() ? std::string() : restored.error().detail;
    };
    for (size_t i = 0; i < w.journal.size(); ++i) {
        std::vector<Bytes> twice = w.journal;
        twice.insert(twice.begin() + static_cast<int64_t>(i), w.journal[i]);
        const Result<Entry> entry = decode_entry(w.journal[i]);
        if (std::holds_alternative<entry::OpsExcluded>(*entry))
            continue;  // said twice it only repeats itself
        EXPECT_NE(refusal(twice).find("journal record"), std::string::npos) << i;
    }
    std::vector<Bytes> without_first_admission = w.journal;
    without_first_admission.erase(without_first_admission.begin() + 1);
    EXPECT_NE(refusal(without_first_admission), "");

    CoordinatorOutbox out;
    CoordinatorConfig other;
    other.run = "other";
    EXPECT_NE(
        Coordinator::restore(other, {99}, w.journal, w.now, out).error().detail.find("belongs to run test"),
        std::string::npos);
    other.run = "test";
    EXPECT_FALSE(Coordinator::restore(other, {1}, w.journal, w.now, out).ok()) << "a token that was used";
}

TEST(Ledger, ViewsForgetWhatNoOpenOpCanNeed) {
    World w;
    w.found(3);
    w.kill(2);
    wire::OpExcludeRequest request;
    request.op = {{1}, 7, 0};
    request.members = {w.id(3)};
    request.birth_count = 3;
    w.with(1, [&](MemberOutbox& out) { w.peers[1].member->exclude(request, w.now, out); });
    for (uint64_t round = 1; round <= 6; ++round) {
        const wire::View& view = w.coordinator->view();
        const bool expected =
            round <= 4;  // round 4 begins with round 3 committed: ops of round 1 may still be open
        EXPECT_EQ(!view.removed.empty(), expected) << "round " << round;
        EXPECT_EQ(!view.exclusions.empty(), expected) << "round " << round;
        w.commit_all(round);
        for (const uint8_t n : {1, 3}) ASSERT_TRUE(w.begin(n, round).ok());
    }
}

}  // namespace
}  // namespace whim::group
