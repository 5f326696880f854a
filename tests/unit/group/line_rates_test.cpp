// Goal: a line's rate is what all its links are paced at together, and is not guessed from some of them.
// Method: matrices by hand.
#include "group/line_rates.h"

#include <gtest/gtest.h>

namespace whim::group {
namespace {

MemberId member(uint64_t incarnation) {
    MemberId id;
    id.incarnation = {incarnation};
    return id;
}

void say(LinkMatrix& links, uint64_t from, uint64_t to, uint64_t pace, bool up = true) {
    wire::LinkReading reading;
    reading.to = {to};
    reading.up = up;
    reading.pace = pace;
    links.note({from}, reading, Instant{1});
}

TEST(LineRates, AreTheSumOfAllLinks) {
    LinkMatrix links;
    say(links, 1, 2, 40), say(links, 1, 3, 30);
    say(links, 2, 1, 1000), say(links, 2, 3, 500);
    say(links, 3, 1, 8), say(links, 3, 2, 0);
    const std::vector<MemberId> all = {member(2), member(1), member(3)};
    EXPECT_EQ(line_rates(links, all), (std::vector<uint64_t>{1024, 64, 0}));
    say(links, 3, 2, 5);
    EXPECT_EQ(line_rates(links, all), (std::vector<uint64_t>{1024, 64, 12}));
    say(links, 3, 2, 5, false);
    EXPECT_EQ(line_rates(links, all), (std::vector<uint64_t>{1024, 64, 0}));
}

TEST(LineRates, OfNobodyAreNone) {
    LinkMatrix links;
    EXPECT_TRUE(line_rates(links, {member(1), member(2)}).empty());
    EXPECT_TRUE(line_rates(links, {member(1)}).empty());
    EXPECT_TRUE(line_rates(links, {}).empty());
}

TEST(LineRates, BarelyMove) {
    LinkMatrix links;
    for (const uint64_t pace : {96u, 100u, 127u}) {
        say(links, 1, 2, pace);
        say(links, 2, 1, 2 * pace);
        EXPECT_EQ(line_rates(links, {member(1), member(2)}), (std::vector<uint64_t>{96, 192}));
    }
}

}  // namespace
}  // namespace whim::group
