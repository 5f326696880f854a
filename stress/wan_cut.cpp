// stress wan-cut: two peers that cannot reach each other any more, while everybody else reaches both.
//
// The pair is cut off in the middle of an all-reduce. That op ends, by a detour, at most three seconds later
// than a detour takes: twice the undisturbed time, since the other lines carry those bytes as well. Ops go on
// while the pair is cut off, nobody is evicted, and once it is healed its own path carries its bytes again.
#include <algorithm>
#include <cstdio>
#include <random>
#include <thread>

#include "statistics.h"
#include "wan_flock.h"

namespace {

using namespace stress;

constexpr int kRoundsCut = 3;  // after the one in which it happened
constexpr auto kDirectWithin = std::chrono::seconds(30);
constexpr double kDetour = 2;

class Trials {
public:
    Trials(const WanSettings& settings, uint64_t trials, double limit_ms)
        : settings_(settings), trials_(trials), limit_ms_(limit_ms), random_(settings.flock.seed),
          wan_(settings) {}

    int run() {
        std::vector<double> undisturbed;
        for (int i = 0; i < 4; ++i) undisturbed.push_back(wan_.flock.play_undisturbed());
        undisturbed_ms_ = median({undisturbed.begin() + 1, undisturbed.end()});
        std::printf("undisturbed: median %.0f ms\n", undisturbed_ms_);
        for (uint64_t i = 0; i < trials_; ++i) trial();
        wan_.flock.finish();
        const double longest = *std::max_element(stalls_ms_.begin(), stalls_ms_.end());
        const bool good = longest <= limit_ms_;
        std::printf(
            "stress wan-cut: %s trials=%llu stall_max_ms=%.0f limit_ms=%.0f evicted=0 peers=%llu bytes=%llu "
            "security=%s seed=%llu\n",
            good ? "PASS" : "FAIL", number(trials_), longest, limit_ms_, number(settings_.flock.peers),
            number(settings_.flock.bytes), settings_.flock.security.c_str(), number(settings_.flock.seed));
        return good ? 0 : 1;
    }

private:
    static unsigned long long number(uint64_t value) { return value; }

    void trial() {
        const size_t peers = wan_.flock.size();
        const size_t x = random_() % peers, y = (x + 1 + random_() % (peers - 1)) % peers;
        const std::string pair = wan_.host(x) + " " + wan_.host(y);
        const double took_ms = cut_in_an_op(pair);
        const double stall_ms = std::max(0.0, took_ms - kDetour * undisturbed_ms_);
        stalls_ms_.push_back(stall_ms);
        std::vector<double> cut_ms;
        for (int i = 0; i < kRoundsCut; ++i) cut_ms.push_back(wan_.flock.play_undisturbed());
        wan_.lab.tell("heal " + pair);
        const double direct_s = await_direct(x, y);
        std::printf(
            "%s cut off: the op took %.0f ms, a stall of %.0f; later ones %.0f ms; direct %.1f s after\n",
            pair.c_str(), took_ms, stall_ms, median(cut_ms), direct_s);
        std::fflush(stdout);
    }

    // How long that op took.
    double cut_in_an_op(const std::string& pair) {
        std::uniform_real_distribution<double> part(0.1, 0.6);
        wan_.flock.begin_round();
        wan_.flock.tell(wan_.flock.everyone(), "go");
        std::this_thread::sleep_for(
            std::chrono::duration<double, std::milli>(part(random_) * undisturbed_ms_));
        wan_.lab.tell("partition " + pair);
        double longest_ms = 0;
        for (const size_t i : wan_.flock.everyone()) {
            const Report report = wan_.flock.hear_reduced(i);
            if (report.gone > 0) throw std::runtime_error(wan_.flock.name(i) + " went on without somebody");
            longest_ms = std::max(longest_ms, report.took_ms);
        }
        wan_.flock.hear_checked(wan_.flock.everyone());
        return longest_ms;
    }

    // Seconds until a round in which the pair's own path carried what the two have for each other.
    double await_direct(size_t x, size_t y) {
        const auto healed = Clock::now();
        const double share =
            static_cast<double>(settings_.flock.bytes) / static_cast<double>(wan_.flock.size());
        while (Clock::now() - healed < kDirectWithin) {
            wan_.lab.tell("zero");
            wan_.flock.play_undisturbed();
            auto ways = wan_.lab.stats().ways;
            const auto carried = [&](size_t from, size_t to) {
                return static_cast<double>(ways[{wan_.host(from), wan_.host(to)}].delivered_bytes);
            };
            if (carried(x, y) > share && carried(y, x) > share)
                return std::chrono::duration<double>(Clock::now() - healed).count();
        }
        throw std::runtime_error(wan_.host(x) + " and " + wan_.host(y) + " do not use their healed path");
    }

    const WanSettings settings_;
    const uint64_t trials_;
    const double limit_ms_;
    std::mt19937_64 random_;
    WanFlock wan_;
    double undisturbed_ms_ = 0;
    std::vector<double> stalls_ms_;
};

int run(const Options& options) {
    const WanSettings settings = wan_settings(options, "64MiB");
    const uint64_t trials = options.number("trials", 5);
    if (trials == 0 || settings.flock.peers < 4)
        throw std::runtime_error("--trials: at least 1; --peers: at least 3");
    return Trials(settings, trials, static_cast<double>(options.number("limit-ms", 3000))).run();
}

constexpr const char* kUsage =
    R"(usage: ./run stress wan-cut [--trials 5] [--limit-ms 3000] [--peers 4] [--bytes 64MiB] [--security tls|none]
                            [--rate 1gbit] [--rtt 80ms] [--loss 0] [--queue 50ms] [--seed 1]
--limit-ms: of what the op in which the pair is cut off takes beyond twice the undisturbed time.
)";

}  // namespace

int main(int argc, char** argv) {
    return wan_main(argc, argv, {"wan-cut", kUsage, {"trials", "limit-ms"}, {}, run});
}
