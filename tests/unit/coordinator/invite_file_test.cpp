// Goal: a directory whose invite template is missing, empty or spoilt still starts the run it belongs to.
// Method: a real directory with a journal; the template is damaged on purpose.
#include "coordinator/invite_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "group/ledger.h"

namespace whim::coordinator {
namespace {

class InviteFileTest : public ::testing::Test {
protected:
    InviteFileTest() {
        char path[] = "/tmp/whim-invite-XXXXXX";
        WHIM_ASSERT(mkdtemp(path) != nullptr);
        dir_ = path;
        journal_ = std::move(*Journal::open(dir_));
    }
    ~InviteFileTest() override { std::filesystem::remove_all(dir_); }

    std::string chosen(const std::string& asked = "") {
        warnings_.clear();
        const Result<std::string> run =
            choose_run(dir_, *journal_, asked, [&](const std::string& line) { warnings_.push_back(line); });
        EXPECT_TRUE(run.ok()) << run.error().detail;
        return run.ok() ? *run : "";
    }
    void spoil(const std::string& text) { std::ofstream(dir_ + "/invite-template") << text; }

    std::string dir_;
    std::unique_ptr<Journal> journal_;
    std::vector<std::string> warnings_;
};

TEST_F(InviteFileTest, TheNameOfTheRunNeedNotBeSaidTwice) {
    EXPECT_EQ(chosen(), "default");
    EXPECT_EQ(chosen("gpt"), "gpt");
    wire::Invite invite;
    invite.run = "gpt";
    ASSERT_TRUE(save_template(dir_, invite).ok());
    EXPECT_FALSE(std::filesystem::exists(dir_ + "/invite-template.new"));
    EXPECT_EQ(chosen(), "gpt");
    EXPECT_TRUE(warnings_.empty());
}

TEST_F(InviteFileTest, ADamagedTemplateIsReplacedFromTheJournal) {
    ASSERT_TRUE(journal_->append({group::encode_entry(group::entry::Opened{"gpt", {1}})}).ok());
    EXPECT_EQ(chosen(), "gpt") << "no template at all";
    for (const char* text : {"", "\n", "whimbrel-invite-of-nothing"}) {
        spoil(text);
        EXPECT_EQ(chosen(), "gpt");
        ASSERT_EQ(warnings_.size(), 1u);
        EXPECT_NE(warnings_[0].find("invite-template"), std::string::npos) << warnings_[0];
    }
    wire::Invite invite;
    invite.run = "gpt";
    ASSERT_TRUE(save_template(dir_, invite).ok());
    EXPECT_EQ(chosen(), "gpt");
    EXPECT_TRUE(warnings_.empty());
}

TEST_F(InviteFileTest, AnInviteLivesForThirtyDaysOrAsLongAsAsked) {
    const auto lives = [](uint64_t expires_s) { return invite_end(expires_s) - seconds_since_1970(); };
    EXPECT_NEAR(static_cast<double>(lives(0)), 30.0 * 86400, 5);
    EXPECT_NEAR(static_cast<double>(lives(60)), 60, 5);
    EXPECT_EQ(invite_end(UINT64_MAX), UINT64_MAX) << "it does not wrap into the past";
}

}  // namespace
}  // namespace whim::coordinator
