// Goal: the one list of result codes is consistent, and Result and Status cannot be misread.
// Method: walk the list itself: names, texts, ranges and numbers must agree and come back; break the
// contracts.
#include "base/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <vector>

namespace whim {
namespace {

struct Line {
    Code code;
    int32_t value;
    const char* name;
    bool retryable;
    const char* text;
};

const std::vector<Line> kList = {
#define WHIM_X(name, value, retryable, text) {Code::name, value, #name, retryable != 0, text},
    WHIM_STATUS_LIST(WHIM_X)
#undef WHIM_X
};

TEST(StatusList, EveryCodeComesBackByItsNumber) {
    std::set<int32_t> values;
    for (const Line& line : kList) {
        EXPECT_TRUE(values.insert(line.value).second) << line.name << " shares its number";
        EXPECT_EQ(static_cast<int32_t>(line.code), line.value);
        EXPECT_EQ(code_from_int(line.value), line.code);
        EXPECT_EQ(code_name(line.code), line.name);
        EXPECT_EQ(code_text(line.code), line.text);
        EXPECT_EQ(code_is_retryable(line.code), line.retryable);
    }
}

TEST(StatusList, NumbersLieInTheRangesOfThoseWhoAct) {
    for (const Line& line : kList) {
        const bool is_error = std::string_view(line.name).substr(0, 2) == "E_";
        EXPECT_EQ(is_error, line.value < 0) << line.name;
        if (is_error) {
            EXPECT_TRUE(std::set<int32_t>({1, 2, 3, 4, 5, 6, 9}).contains(-line.value / 100)) << line.name;
        }
    }
    EXPECT_EQ(static_cast<int32_t>(Code::OK), 0);
}

TEST(StatusList, UnknownNumbersAreNoCodes) {
    for (const int32_t value : {-1, -99, -999, 3, 1000, INT32_MIN, INT32_MAX})
        EXPECT_EQ(code_from_int(value), std::nullopt);
    EXPECT_EQ(code_name(static_cast<Code>(12345)), "E_INTERNAL");
    EXPECT_FALSE(code_is_retryable(static_cast<Code>(12345)));
}

TEST(Status, IsOkOrHoldsItsError) {
    const Status good;
    EXPECT_TRUE(good);
    EXPECT_TRUE(good.ok());
    const Status bad = fail(Code::E_TOKEN, "expired yesterday");
    EXPECT_FALSE(bad);
    EXPECT_EQ(bad.error().code, Code::E_TOKEN);
    EXPECT_EQ(bad.error().detail, "expired yesterday");
    EXPECT_DEATH((void)good.error(), "error_");
}

TEST(Result, HoldsAValueOrAnError) {
    Result<std::unique_ptr<int>> value(std::make_unique<int>(7));
    ASSERT_TRUE(value.ok());
    EXPECT_EQ(**value, 7);
    const std::unique_ptr<int> taken = std::move(value.value());
    EXPECT_EQ(*taken, 7);
    const Result<int> error = fail(Code::E_INVALID, "count is negative");
    EXPECT_FALSE(error);
    EXPECT_EQ(error.error().code, Code::E_INVALID);
    EXPECT_DEATH((void)error.value(), "ok");
    EXPECT_DEATH((void)Result<int>(1).error(), "ok");
}

}  // namespace
}  // namespace whim
