// The loop in which every benchmark's peer measures a collective, whatever library it is of, and the lines in
// which it reports: "first BEGIN END" of the very first call, "time BEGIN END" for each iteration, both in
// nanoseconds of the machine's steady clock, then "end CPU_S RSS_BYTES right|wrong".
//
// All processes are of one machine, and a call takes from when the last of them begins until the last has its
// result: the barrier of a star lets its middle go half a round trip before the others, which is no part of
// the call.
//
// Nothing is said before the last iteration, since whoever listens would want a core in the middle of the
// next one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace stress {

struct TimedCalls {
    std::function<void()> prepare;  // counts neither as time nor as CPU; may be empty
    std::function<void()> barrier;
    std::function<void()> call;  // this is what is timed, until its result is there
};

constexpr uint64_t kWarmUps = 2;
struct Loop {
    uint64_t warm_ups = kWarmUps, iterations = 1;
    uint64_t rest_ms = 0;  // before each barrier, in which nothing is sent
};

// One call in one process, in nanoseconds of the steady clock.
struct Span {
    uint64_t begin_ns = 0, end_ns = 0;
};

// What one process measured.
struct Share {
    Span first;               // the first call, a warm-up if there are any
    std::vector<Span> spans;  // of each iteration
    double cpu_s = 0;         // all threads, barriers included
    uint64_t rss_bytes = 0;   // largest ever
    bool right = true;
};

// Warm-ups, then the iterations; each begins with a barrier. right is left to the caller, who has seen the
// result.
Share timed_loop(const Loop& loop, const TimedCalls& calls);

void say(const Share& share);

// The share that was said, from a function that returns the rest of the next line, which begins with the word
// given.
Share hear_share(uint64_t iterations, const std::function<std::string(const std::string&)>& expect);

// Of all processes together.
struct Totals {
    explicit Totals(uint64_t iterations) : seconds(iterations), spans_(iterations) {}
    void add(const Share& share);        // throws when its result is wrong
    void add_costs(const Share& share);  // of a process whose times do not count

    std::vector<double> seconds;  // of each iteration, from the last to begin to the last to end
    double first_s = 0;           // of the first call
    double cpu_s = 0;
    uint64_t rss_sum_bytes = 0, rss_max_bytes = 0;

private:
    std::vector<Span> spans_;
    Span first_;
};

}  // namespace stress
