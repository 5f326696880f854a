// Goal: what append() accepted is there after any end of the process; fencing tokens rise; one directory has
// one owner. Method: real SQLite in a fresh temporary directory; a child process that is killed without
// warning.
#include "coordinator/journal.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/limits.h"

namespace whim::coordinator {
namespace {

class JournalTest : public ::testing::Test {
protected:
    JournalTest() {
        char path[] = "/tmp/whim-journal-XXXXXX";
        WHIM_ASSERT(mkdtemp(path) != nullptr);
        dir_ = path;
    }
    ~JournalTest() override { std::filesystem::remove_all(dir_); }
    std::string dir_;
};

Bytes record(uint8_t n) { return Bytes(n, std::byte{n}); }

TEST_F(JournalTest, KeepsRecordsInOrderAcrossOpenings) {
    for (uint8_t n = 1; n <= 3; ++n) {
        auto journal = Journal::open(dir_ + "/deep/er");
        ASSERT_TRUE(journal.ok()) << journal.error().detail;
        EXPECT_EQ((*journal)->fencing(), FencingToken{n});
        ASSERT_TRUE((*journal)->append({record(n), record(100), record(101)}).ok());
        const auto records = (*journal)->load();
        ASSERT_TRUE(records.ok());
        ASSERT_EQ(records->size(), 3u * n);
        EXPECT_EQ((*records)[3u * n - 3], record(n));
    }
}

TEST_F(JournalTest, OneDirectoryHasOneOwner) {
    const auto first = Journal::open(dir_);
    ASSERT_TRUE(first.ok());
    const auto second = Journal::open(dir_);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, Code::E_STORE);
    EXPECT_NE(second.error().detail.find("another coordinator holds " + dir_), std::string::npos)
        << second.error().detail;
}

// Somebody removed the lock of one that was only frozen.
TEST_F(JournalTest, WhoHoldsAnOlderTokenWritesNoMore) {
    auto older = Journal::open(dir_);
    ASSERT_TRUE((*older)->append({record(1)}).ok());
    std::filesystem::remove(dir_ + "/lock");
    auto newer = Journal::open(dir_);
    ASSERT_TRUE(newer.ok()) << newer.error().detail;
    ASSERT_TRUE((*newer)->append({record(2)}).ok());
    for (const Status& status : {(*older)->append({record(3)}), (*older)->replace({record(4)})}) {
        ASSERT_FALSE(status.ok());
        EXPECT_EQ(status.error().code, Code::E_STORE);
        EXPECT_NE(status.error().detail.find("fencing token 2; this one has 1"), std::string::npos)
            << status.error().detail;
    }
    ASSERT_TRUE((*newer)->append({record(5)}).ok());
    EXPECT_EQ(*(*newer)->load(), (std::vector<Bytes>{record(1), record(2), record(5)}));
}

TEST_F(JournalTest, SurvivesAKilledOwnerAndLetsTheNextOneIn) {
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        auto journal = Journal::open(dir_);
        const bool ok = journal.ok() && (*journal)->append({record(1), record(2)}).ok();
        const char answer = ok ? 'y' : 'n';
        if (write(ready[1], &answer, 1) != 1) _exit(2);
        for (;;) pause();
    }
    char answer = 0;
    ASSERT_EQ(read(ready[0], &answer, 1), 1);
    EXPECT_EQ(answer, 'y');
    EXPECT_FALSE(Journal::open(dir_).ok()) << "the child lives";
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(ready[0]), close(ready[1]);
    const auto journal = Journal::open(dir_);
    ASSERT_TRUE(journal.ok()) << journal.error().detail;
    EXPECT_EQ((*journal)->fencing(), FencingToken{2});
    EXPECT_EQ((*journal)->load()->size(), 2u);
}

TEST_F(JournalTest, AShorterOneTakesItsPlace) {
    auto journal = std::move(*Journal::open(dir_));
    const Bytes large(limits::kJournalGrowthMin / 4, std::byte{1});
    ASSERT_TRUE(journal->append({large, large, large}).ok());
    EXPECT_FALSE(journal->worth_condensing());
    ASSERT_TRUE(journal->append({large}).ok());
    EXPECT_TRUE(journal->worth_condensing());
    ASSERT_TRUE(journal->replace({record(1), record(2)}).ok());
    EXPECT_FALSE(journal->worth_condensing());
    ASSERT_TRUE(journal->append({record(3)}).ok());
    journal.reset();
    journal = std::move(*Journal::open(dir_));
    EXPECT_EQ(journal->fencing(), FencingToken{2}) << "tokens go on rising";
    EXPECT_EQ(*journal->load(), (std::vector{record(1), record(2), record(3)}));
    EXPECT_EQ(*journal->first(), record(1));
    EXPECT_LT(std::filesystem::file_size(dir_ + "/run.db"), 2 * limits::kJournalGrowthMin);
}

TEST_F(JournalTest, ErrorsNameThePathAndTheCause) {
    std::ofstream(dir_ + "/file") << "x";
    const auto in_file = Journal::open(dir_ + "/file/deeper");
    ASSERT_FALSE(in_file.ok());
    EXPECT_EQ(in_file.error().code, Code::E_STORE);
    EXPECT_NE(in_file.error().detail.find(dir_ + "/file/deeper"), std::string::npos);

    std::filesystem::create_directories(dir_ + "/bad");
    std::ofstream(dir_ + "/bad/run.db") << std::string(4096, 'z');
    const auto corrupt = Journal::open(dir_ + "/bad");
    ASSERT_FALSE(corrupt.ok());
    EXPECT_EQ(corrupt.error().code, Code::E_STORE);
    EXPECT_NE(corrupt.error().detail.find("not a database"), std::string::npos) << corrupt.error().detail;
}

}  // namespace
}  // namespace whim::coordinator
