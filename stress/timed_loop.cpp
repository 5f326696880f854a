// Clocks of the process, and the two sides of the report.
#include "timed_loop.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace stress {
namespace {

double clock_seconds(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

uint64_t now_ns() {
    const std::chrono::nanoseconds now = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<uint64_t>(now.count());
}

// Takes the later of each end; answers the seconds between.
double widen(Span& all, const Span& one) {
    all.begin_ns = std::max(all.begin_ns, one.begin_ns);
    all.end_ns = std::max(all.end_ns, one.end_ns);
    return 1e-9 * static_cast<double>(all.end_ns - all.begin_ns);
}

Span read_span(const std::string& text) {
    Span span;
    std::istringstream(text) >> span.begin_ns >> span.end_ns;
    return span;
}

// Not getrusage(): its peak includes what the process was before exec.
uint64_t peak_rss_bytes() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        uint64_t kib = 0;
        if (word == "VmHWM:" && status >> kib) return kib << 10;
    }
    return 0;
}

}  // namespace

Share timed_loop(const Loop& loop, const TimedCalls& calls) {
    Share share;
    double begun = 0, prepared = 0;
    for (uint64_t i = 0; i < loop.warm_ups + loop.iterations; ++i) {
        if (i == loop.warm_ups) {
            begun = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
            prepared = 0;
        }
        if (calls.prepare) {
            const double before = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
            calls.prepare();
            prepared += clock_seconds(CLOCK_THREAD_CPUTIME_ID) - before;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(loop.rest_ms));
        calls.barrier();
        Span span{now_ns(), 0};
        calls.call();
        span.end_ns = now_ns();
        if (i == 0) share.first = span;
        if (i >= loop.warm_ups) share.spans.push_back(span);
    }
    calls.barrier();  // what the last iteration left to be done counts as well
    share.cpu_s = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - begun - prepared;
    share.rss_bytes = peak_rss_bytes();
    return share;
}

void say(const Share& share) {
    std::cout << "first " << share.first.begin_ns << ' ' << share.first.end_ns << '\n';
    for (const Span& span : share.spans) std::cout << "time " << span.begin_ns << ' ' << span.end_ns << '\n';
    std::cout << "end " << share.cpu_s << ' ' << share.rss_bytes << ' ' << (share.right ? "right" : "wrong")
              << std::endl;
}

Share hear_share(uint64_t iterations, const std::function<std::string(const std::string&)>& expect) {
    Share share;
    share.first = read_span(expect("first"));
    for (uint64_t i = 0; i < iterations; ++i) share.spans.push_back(read_span(expect("time")));
    std::string verdict;
    std::istringstream(expect("end")) >> share.cpu_s >> share.rss_bytes >> verdict;
    share.right = verdict == "right";
    return share;
}

void Totals::add(const Share& share) {
    if (!share.right) throw std::runtime_error("a result is wrong");
    for (size_t i = 0; i < seconds.size(); ++i) seconds[i] = widen(spans_[i], share.spans.at(i));
    first_s = widen(first_, share.first);
    add_costs(share);
}

void Totals::add_costs(const Share& share) {
    cpu_s += share.cpu_s;
    rss_sum_bytes += share.rss_bytes;
    rss_max_bytes = std::max(rss_max_bytes, share.rss_bytes);
}

}  // namespace stress
