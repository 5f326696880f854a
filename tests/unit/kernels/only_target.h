// Lets a test run the kernels on each Highway instruction set of this machine in turn.
#pragma once

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <string>

namespace whim::test {

// The kernels run on this instruction set alone while the object lives.
class OnlyTarget {
public:
    explicit OnlyTarget(int64_t target) { choose(target); }
    ~OnlyTarget() { choose(0); }  // 0: the machine's own choice again
    OnlyTarget(const OnlyTarget&) = delete;
    OnlyTarget& operator=(const OnlyTarget&) = delete;

private:
    static void choose(int64_t targets) {
        hwy::SetSupportedTargetsForTest(targets);
        hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    }
};

inline std::string target_name(const testing::TestParamInfo<int64_t>& info) {
    return hwy::TargetName(info.param);
}

}  // namespace whim::test

#define WHIM_INSTANTIATE_FOR_TARGETS(suite)                                                                  \
    INSTANTIATE_TEST_SUITE_P(Highway, suite, testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),         \
                             ::whim::test::target_name)
