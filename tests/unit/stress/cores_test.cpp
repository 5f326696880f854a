// Which core a process keeps to: the one of its index, counted around. On threads, which have an affinity of
// their own.
#include "stress/cores.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>
#include <vector>

namespace stress {
namespace {

std::vector<int> allowed() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<int> cores;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return cores;
    for (int core = 0; core < CPU_SETSIZE; ++core)
        if (CPU_ISSET(core, &set)) cores.push_back(core);
    return cores;
}

TEST(Cores, AreCountedAround) {
    const std::vector<int> cores = allowed();
    ASSERT_FALSE(cores.empty());
    for (size_t index = 0; index < 2 * cores.size(); ++index) {
        std::vector<int> kept;
        std::thread([&] {
            keep_to_core(index);
            kept = allowed();
        }).join();
        EXPECT_EQ(kept, std::vector<int>{cores[index % cores.size()]}) << index;
    }
    EXPECT_EQ(allowed(), cores);
}

TEST(Cores, AreInheritedByThreads) {
    std::vector<int> of_thread, of_its_thread;
    std::thread([&] {
        keep_to_core(1);
        of_thread = allowed();
        std::thread([&] { of_its_thread = allowed(); }).join();
    }).join();
    EXPECT_EQ(of_thread.size(), 1u);
    EXPECT_EQ(of_its_thread, of_thread);
}

}  // namespace
}  // namespace stress
