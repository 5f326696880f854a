// Goal: whatever the codec, the collective and the sizes, all peers end with the same bits, and these are the
// fold of the contributors that the op reports; also when a peer dies, or is left out, before any step.
// Method: worlds of model.h, whose judge compares bits. One world without a removal says how many steps there
// are; then one world for each of them. WHIM_WHOLE_MATRIX=1: every victim at every step, in both ways.
#include <gtest/gtest.h>

#include "tests/unit/op/matrix.h"

namespace whim::op {
namespace {

std::string text_of(const testing::TestParamInfo<const char*>& info) {
    std::string out = info.param;
    for (char& c : out) {
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    }
    return out;
}

class CodedMatrix : public testing::TestWithParam<const char*> {};

TEST_P(CodedMatrix, AllPeersHoldTheSameBits) {
    for (const Schedule schedule : kSchedules) {
        for (uint32_t peers = 2; peers <= 17; ++peers) {
            for (const uint64_t elements : {uint64_t{0}, uint64_t{1}, uint64_t{peers - 1}, uint64_t{peers},
                                            uint64_t{peers + 1}, uint64_t{331}}) {
                const ModelOutcome outcome = run_model(matrix_world(schedule, GetParam(), peers, elements));
                ASSERT_EQ(outcome.problem, "")
                    << name_of(schedule) << ", " << peers << " peers, " << elements << " elements";
            }
        }
    }
}

// Removes each victim before each step of a world; answers how many worlds there were.
uint32_t remove_at_every_step(const ModelOptions& undisturbed) {
    const ModelOutcome calm = run_model(undisturbed);
    EXPECT_EQ(calm.problem, "");
    uint32_t worlds = 0;
    for (uint32_t step = 0; step < calm.steps; ++step) {
        for (uint32_t choice = 0; choice < (whole_matrix() ? 2 * undisturbed.peers : 1); ++choice) {
            ModelOptions options = undisturbed;
            const uint32_t victim = (step + choice / 2) % undisturbed.peers;
            options.removal = {step, victim,
                               whole_matrix() ? choice % 2 == 0 : step / undisturbed.peers % 4 != 0};
            const ModelOutcome outcome = run_model(options);
            EXPECT_EQ(outcome.problem, "")
                << undisturbed.codec << ", peer " << victim
                << (options.removal->evicts ? " evicted" : " left out") << " before step " << step;
            if (!outcome.problem.empty()) return worlds;
            ++worlds;
        }
    }
    return worlds;
}

TEST_P(CodedMatrix, ALossAtAnyStepLeavesTheSurvivorsEqual) {
    for (const Schedule schedule : kSchedules) {
        for (const bool in_place : {false, true}) {
            ModelOptions options = matrix_world(schedule, GetParam(), 4, 70);
            options.in_place = in_place;
            EXPECT_GT(remove_at_every_step(options), 50u) << name_of(schedule);
            if (HasFailure()) FAIL() << name_of(schedule) << (in_place ? " in place" : "");
        }
    }
}

// Whether the judge finds fault with some world of the matrix in which one peer dies.
bool noticed(Plant plant, const char* codec) {
    for (const Schedule schedule : kSchedules) {
        ModelOptions options = matrix_world(schedule, codec, 4, 70);
        options.plant = plant;
        const uint32_t steps = run_model(options).steps;
        for (uint32_t step = 0; step < steps; ++step) {
            options.removal = {step, step % 4, true};
            if (!run_model(options).problem.empty()) return true;
        }
    }
    return false;
}

TEST(CodedMatrixJudge, NoticesPlantedBugs) {
    for (const Plant plant :
         {Plant::encode_again, Plant::root_keeps_its_sums, Plant::dither_anew, Plant::lost_part_as_it_was}) {
        EXPECT_TRUE(noticed(plant, "int8:block=16") || noticed(plant, "int4:block=16,round=stochastic"))
            << plant_name(plant);
    }
}

INSTANTIATE_TEST_SUITE_P(Codecs, CodedMatrix, testing::ValuesIn(kSmallCodecs), text_of);

}  // namespace
}  // namespace whim::op
