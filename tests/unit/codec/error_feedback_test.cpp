// Goal: nothing is lost by error feedback, whichever rounds commit: what was sent in committed rounds plus
// the residual is the sum of what went in. Method: small whole numbers, so that sums are exact; random
// commits and aborts against a model.
#include "collectives/codec/error_feedback.h"

#include "tests/unit/codec/cases.h"

namespace whim {
namespace {

using namespace test;

TEST(ErrorFeedback, NothingIsLostWhateverAborts) {
    const CodecPtr codec = codec_of("topk:1/16,chunk=64,values=none");
    const size_t count = 640;
    ErrorFeedback feedback(count);
    std::vector<float> updates(count), arrived(count);
    Prng random(1);
    for (int round = 0; round < 60; ++round) {
        std::vector<float> update(count), input(count);
        for (float& u : update) u = static_cast<float>(random.between(-50, 50));
        feedback.add_to(update, input);
        const auto sent = decoded(*codec, encoded(*codec, {.values = input}), count);
        const std::vector<float> before(feedback.residual().begin(), feedback.residual().end());
        feedback.stage(input, sent);
        ASSERT_TRUE(feedback.staged());
        ASSERT_EQ(bits_of(before), bits_of({feedback.residual().begin(), feedback.residual().end()}));
        const bool counted = random.chance(2, 3);
        counted ? feedback.commit() : feedback.drop();
        ASSERT_FALSE(feedback.staged());
        const std::vector<float> after(feedback.residual().begin(), feedback.residual().end());
        ASSERT_TRUE(counted || bits_of(after) == bits_of(before));
        for (size_t i = 0; counted && i < count; ++i) {
            updates[i] += update[i];
            arrived[i] += sent[i];
        }
        for (size_t i = 0; i < count; ++i) ASSERT_EQ(arrived[i] + feedback.residual()[i], updates[i]);
    }
}

TEST(ErrorFeedback, PartsKeepTheirOwnResidual) {
    ErrorFeedback feedback(4, 0.5f);
    const std::vector<float> input = {1, 2}, sent = {0, 4};
    feedback.stage(input, sent, 1);
    feedback.stage(input, sent, 1);  // the same again replaces it
    feedback.commit();
    EXPECT_EQ(std::vector<float>(feedback.residual().begin(), feedback.residual().end()),
              (std::vector<float>{0, 1, -2, 0}));
    std::vector<float> out = {10, 10, 10};
    feedback.add_to(out, out, 1);
    EXPECT_EQ(out, (std::vector<float>{10.5f, 9, 10}));
    feedback.stage(input, sent, 2);
    feedback.forget();
    feedback.commit();
    EXPECT_EQ(std::vector<float>(feedback.residual().begin(), feedback.residual().end()),
              std::vector<float>(4, 0));
}

}  // namespace
}  // namespace whim
