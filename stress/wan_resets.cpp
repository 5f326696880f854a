// stress wan-resets: connections between peers are reset again and again, and nobody but the log notices.
//
// Blocks of rounds without and with resets alternate until the time is over. In those with, every pair of
// peers has one of its connections reset about every two seconds, in the middle of whatever it carries. No op
// fails, no peer leaves, every result is right, and all-reduces take at most 1/0.85 of what they take
// undisturbed. A peer whose op a reset made late may find its round committed without its vote: that is
// counted.
#include <atomic>
#include <cstdio>
#include <exception>
#include <random>
#include <sstream>
#include <thread>

#include "wan_flock.h"

namespace {

using namespace stress;

constexpr auto kBlock = std::chrono::seconds(15);
constexpr auto kLookEvery = std::chrono::milliseconds(10);

// Resets, on a thread of its own for as long as it lives.
class Resetter {
public:
    struct Plan {
        size_t hosts = 0;  // the first so many of the lab
        Millis every{0};
        std::string which;  // " one" of a pair's connections, or "" for all of them
    };
    Resetter(const wan::Lab& lab, const Plan& plan, uint64_t seed)
        : lab_(lab), plan_(plan), random_(seed), thread_([this] { run(); }) {}
    ~Resetter() { stop(); }

    // Ends it: how many connections it has reset. Throws what went wrong.
    uint64_t finish() {
        stop();
        if (problem_) std::rethrow_exception(problem_);
        return count_;
    }

private:
    struct Pair {
        std::string a, b;
        Clock::time_point next;
    };

    void stop() {
        stopped_ = true;
        if (thread_.joinable()) thread_.join();
    }

    void run() try {
        std::uniform_real_distribution<double> first(0, 1), later(0.5, 1.5);
        std::vector<Pair> pairs;
        for (size_t i = 0; i < plan_.hosts; ++i)
            for (size_t j = 0; j < i; ++j)
                pairs.push_back({lab_.hosts()[i], lab_.hosts()[j], Clock::now() + part_of_period(first)});
        for (; !stopped_; std::this_thread::sleep_for(kLookEvery))
            for (auto& pair : pairs) {
                if (Clock::now() < pair.next) continue;
                uint64_t reset = 0;
                std::istringstream(lab_.tell("reset " + pair.a + " " + pair.b + plan_.which)) >> reset;
                count_ += reset;
                pair.next += part_of_period(later);
            }
    } catch (...) { problem_ = std::current_exception(); }

    Clock::duration part_of_period(std::uniform_real_distribution<double>& part) {
        return std::chrono::duration_cast<Clock::duration>(plan_.every * part(random_));
    }

    const wan::Lab& lab_;
    const Plan plan_;
    std::mt19937_64 random_;  // of the thread, like the next two
    uint64_t count_ = 0;
    std::exception_ptr problem_;
    std::atomic<bool> stopped_{false};
    std::thread thread_;
};

// Rounds and how long their all-reduces took.
struct Sum {
    uint64_t ops = 0;
    double ms = 0;
    double mean_ms() const { return ms / static_cast<double>(ops); }
};

void play_block(Flock& flock, Sum& sum) {
    for (const auto until = Clock::now() + kBlock; Clock::now() < until; ++sum.ops)
        sum.ms += flock.play_undisturbed(Flock::Late::counted);
}

int run(const Options& options) {
    const WanSettings settings = wan_settings(options, "64MiB");
    const double minutes = std::stod(options.text("minutes", "2"));
    const double ratio_min = std::stod(options.text("ratio-min", "0.85"));
    const Resetter::Plan plan{settings.flock.peers + (options.has("and-coordinator") ? 1 : 0),
                              Millis(options.number("every-ms", 2000)), options.has("all") ? "" : " one"};
    if (!(minutes > 0) || settings.flock.peers < 2 || plan.every.count() == 0)
        throw std::runtime_error("--minutes: above 0; --peers: at least 2; --every-ms: at least 1");
    WanFlock wan(settings);
    wan.flock.play_undisturbed();  // the connections' first steps are nobody's fault
    Sum calm, disturbed;
    uint64_t resets = 0;
    for (const auto until = Clock::now() + std::chrono::duration<double>(60 * minutes);
         Clock::now() < until;) {
        play_block(wan.flock, calm);
        Resetter resetter(wan.lab, plan, settings.flock.seed + disturbed.ops);
        play_block(wan.flock, disturbed);
        resets += resetter.finish();
        std::printf(
            "undisturbed %.0f ms (%llu ops), with resets %.0f ms (%llu ops, %llu connections reset)\n",
            calm.mean_ms(), static_cast<unsigned long long>(calm.ops), disturbed.mean_ms(),
            static_cast<unsigned long long>(disturbed.ops), static_cast<unsigned long long>(resets));
        std::fflush(stdout);
    }
    wan.flock.finish();
    if (resets == 0) throw std::runtime_error("no connection was there to be reset");
    const double ratio = calm.mean_ms() / disturbed.mean_ms();
    const bool good = ratio >= ratio_min;
    std::printf(
        "stress wan-resets: %s throughput=%.2f of undisturbed (at least %.2f) ops=%llu resets=%llu failed=0 "
        "left=0 late_votes=%llu peers=%llu bytes=%llu security=%s seed=%llu\n",
        good ? "PASS" : "FAIL", ratio, ratio_min, static_cast<unsigned long long>(disturbed.ops),
        static_cast<unsigned long long>(resets), static_cast<unsigned long long>(wan.flock.late_votes()),
        static_cast<unsigned long long>(settings.flock.peers),
        static_cast<unsigned long long>(settings.flock.bytes), settings.flock.security.c_str(),
        static_cast<unsigned long long>(settings.flock.seed));
    return good ? 0 : 1;
}

constexpr const char* kUsage =
    R"(usage: ./run stress wan-resets [--minutes 2] [--every-ms 2000] [--ratio-min 0.85] [--all] [--and-coordinator]
                               [--peers 4] [--bytes 64MiB] [--security tls|none] [--seed 1]
                               [--rate 1gbit] [--rtt 80ms] [--loss 0] [--queue 50ms]
--every-ms: between two resets of one pair, at random from half to one and a half of it.
--ratio-min: of the throughput of all-reduces to that without resets.
--all: all connections of a pair at once, instead of one.
--and-coordinator: the peers' connections to the coordinator are reset as well.
)";

}  // namespace

int main(int argc, char** argv) {
    return wan_main(
        argc, argv,
        {"wan-resets", kUsage, {"minutes", "every-ms", "ratio-min"}, {"all", "and-coordinator"}, run});
}
