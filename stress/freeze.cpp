// stress freeze: one of several peers stops by SIGSTOP in the middle of an all-reduce, with default settings.
//
// The survivors must finish the same call soon; the time runs from the signal to the last survivor's
// completion of the op that was open. A trial counts when all survivors' ops were open at the signal and a
// report says that the frozen peer was left out of it; otherwise the peer had done its part before. After
// SIGCONT the call of the peer ends with WHIM_E_EVICTED and says why, and the same process joins again.
#include <algorithm>
#include <cstdio>
#include <random>
#include <thread>

#include "flock.h"
#include "statistics.h"

namespace {

using namespace stress;

constexpr uint64_t kLimitMs = 3000;  // what the default settings promise

class Trials {
public:
    Trials(const FlockSettings& settings, uint64_t trials, uint64_t limit_ms)
        : settings_(settings), trials_(trials), limit_ms_(limit_ms), random_(settings.seed),
          flock_(settings) {}

    int run() {
        for (int i = 0; i < 3; ++i) undisturbed_.push_back(flock_.play_undisturbed());
        std::printf("undisturbed: median %.0f ms\n", median(undisturbed_));
        const uint64_t tries_max = std::max<uint64_t>(4 * trials_, 12);
        for (uint64_t tries = 0; after_ms_.size() < trials_; ++tries) {
            if (tries == tries_max)
                throw std::runtime_error("too few of " + std::to_string(tries) + " freezes hit an open op");
            trial();
            undisturbed_.push_back(flock_.play_undisturbed());  // with the peer that was frozen
        }
        flock_.finish();
        return report();
    }

private:
    void trial() {
        std::uniform_real_distribution<double> part(0.05, 0.7);
        const size_t victim = random_() % flock_.size();
        const double wait_ms = part(random_) * median(undisturbed_);
        flock_.begin_round();
        flock_.tell(flock_.everyone(), "go");
        std::this_thread::sleep_for(std::chrono::microseconds(static_cast<int64_t>(wait_ms * 1000)));
        const auto frozen = Clock::now();
        flock_.peer(victim).freeze();

        double last_ms = 0, first_ms = 1e9;
        bool left_out = false;
        for (const size_t i : flock_.all_but({victim})) {
            const Report report = flock_.hear_reduced(i);
            const double after_ms = std::chrono::duration<double, std::milli>(report.at - frozen).count();
            last_ms = std::max(last_ms, after_ms);
            first_ms = std::min(first_ms, after_ms);
            left_out = left_out || report.gone > 0;
        }
        flock_.hear_checked(flock_.all_but({victim}));
        const bool counts = left_out && first_ms > 0;
        std::printf("%s frozen %.0f ms into the op; the survivors finished it %.0f ms later%s\n",
                    flock_.name(victim).c_str(), wait_ms, last_ms,
                    counts ? "" : "; does not count: its part was done");
        if (counts) after_ms_.push_back(last_ms);
        flock_.peer(victim).thaw();
        hear_the_thawed(victim, counts);
    }

    // It hears why it is out, and joins again by itself.
    void hear_the_thawed(size_t victim, bool must_be_out) {
        Child& peer = flock_.peer(victim);
        std::string line = peer.hear(Millis(kPatienceMs));
        if (line.rfind("reduced ", 0) == 0) line = peer.hear(Millis(kPatienceMs));  // it is the commit then
        if (line.rfind("ended ", 0) != 0) {
            if (must_be_out) throw std::runtime_error("the frozen peer was not told, but: " + line);
            return;
        }
        std::printf("  told: %s\n", line.substr(6).c_str());
        std::fflush(stdout);
        const bool evicted = line.find(" WHIM_E_EVICTED: ") != std::string::npos;
        if (must_be_out && (!evicted || line.find("silent for") == std::string::npos))
            throw std::runtime_error("the frozen peer was not told that it was evicted for its silence: " +
                                     line);
        if (evicted) peer.expect("joined", Millis(kPatienceMs));
    }

    int report() const {
        const double longest = *std::max_element(after_ms_.begin(), after_ms_.end());
        const bool good = limit_ms_ == 0 || longest <= static_cast<double>(limit_ms_);
        std::printf(
            "stress freeze: %s trials=%zu peers=%zu bytes=%llu security=%s median_ms=%.0f max_ms=%.0f "
            "limit_ms=%llu told=%zu seed=%llu\n",
            good ? "PASS" : "FAIL", after_ms_.size(), flock_.size(),
            static_cast<unsigned long long>(settings_.bytes), settings_.security.c_str(), median(after_ms_),
            longest, static_cast<unsigned long long>(limit_ms_), after_ms_.size(),
            static_cast<unsigned long long>(settings_.seed));
        return good ? 0 : 1;
    }

    const FlockSettings settings_;
    const uint64_t trials_, limit_ms_;  // limit: 0: not judged
    std::mt19937_64 random_;
    Flock flock_;
    std::vector<double> undisturbed_, after_ms_;
};

}  // namespace

constexpr const char* kUsage =
    R"(usage: ./run stress freeze [--trials 10] [--peers 4] [--bytes 64MiB] [--dtype f32|bf16] [--reduce avg|sum]
                           [--security tls|none] [--seed 1] [--limit-ms 3000]
--limit-ms: of the time from SIGSTOP to the end of the survivors' calls; 0: not judged.
)";

int main(int argc, char** argv) try {
    const Options options(argc, argv, flock_options({"trials", "limit-ms"}), {"help"});
    if (options.has("help")) return std::fputs(kUsage, stdout) < 0;
    if (const auto code = play_role(options)) return *code;
    const uint64_t trials = options.number("trials", 10);
    const FlockSettings settings = flock_settings(options, "64MiB");
    if (trials == 0 || settings.peers < 2)
        throw std::runtime_error("--trials: at least 1; --peers: at least 2");
    return Trials(settings, trials, options.number("limit-ms", kLimitMs)).run();
} catch (const std::exception& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    std::printf("stress freeze: FAIL %s\n", problem.what());
    return 1;
}
