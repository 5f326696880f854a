// Goal: whoever connects and then says too little is let go after a bounded time, and a stranger who says all
// the right things to a peer that does not know it is told so. Method: as in hostile_test.cpp, many at once;
// the bound is limits::kHandshakeTimeout, so this test is slow.
#include "hostile.h"

namespace whim::testing {
namespace {

INSTANTIATE_TEST_SUITE_P(Security, Hostile, ::testing::Bool(),
                         [](const auto& tls) { return std::string(tls.param ? "Tls" : "None"); });

TEST_P(Hostile, SilenceAfterAnyPartOfAGoodBeginningIsEnded) {
    struct Stalled {
        const Target& target;
        size_t bytes;
        std::unique_ptr<RawClient> client;
    };
    std::vector<Stalled> stalled;
    for (const Target& target : targets_) {
        const std::string good = good_start(target);
        for (int part = 0; part < 20; ++part) {
            const size_t bytes = good.size() * static_cast<size_t>(part) / 20;
            stalled.push_back({target, bytes, std::make_unique<RawClient>(target.at)});
            EXPECT_TRUE(stalled.back().client->send(good.substr(0, bytes)));
        }
    }
    const auto start = std::chrono::steady_clock::now();
    for (const Stalled& s : stalled) {
        EXPECT_TRUE(s.client->read_to_end()) << s.target.name << " waits on after " << s.bytes << " bytes";
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start,
              2 * std::chrono::milliseconds(limits::kHandshakeTimeout.ms()));
}

TEST_P(Hostile, AStrangerIsToldByAPeerThatItIsNotKnown) {
    const HelloReply reply = answer_to(targets_[2], hello());
    EXPECT_EQ(reply.status, HelloStatus::rejected);
    EXPECT_NE(reply.detail.find("is not known here"), std::string::npos) << reply.detail;
}

}  // namespace
}  // namespace whim::testing
