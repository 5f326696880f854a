// POSIX behind system.h; another platform brings another file.
#include "runtime/system.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cfenv>
#include <chrono>
#include <csignal>

#include "base/assert.h"
#include "transport/asio/interfaces.h"

namespace whim::runtime {

Instant now() {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<std::chrono::nanoseconds>(since).count()};
}

void fill_random(std::span<uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
        WHIM_ASSERT(got > 0 || errno == EINTR);
        if (got > 0) bytes = bytes.subspan(static_cast<size_t>(got));
    }
}

uint64_t random_u64() {
    uint64_t value = 0;
    while (value == 0) fill_random({reinterpret_cast<uint8_t*>(&value), sizeof value});
    return value;
}

std::string default_name() { return fmt::format("{}/{}", host_name().substr(0, 48), getpid()); }

uint64_t times_preempted() {
    rusage used{};
    ::getrusage(RUSAGE_THREAD, &used);
    return static_cast<uint64_t>(used.ru_nivcsw);
}

uint32_t core_count() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return static_cast<uint32_t>(std::max(1, CPU_COUNT(&set)));
}

// Signals are the application's threads' business. The floating-point environment is inherited from whichever
// thread started this one; ours must round and keep subnormals as everywhere else, or peers get different
// bits.
void begin_thread(const char* name) {
    pthread_setname_np(pthread_self(), name);
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    std::fesetenv(FE_DFL_ENV);
}

}  // namespace whim::runtime
