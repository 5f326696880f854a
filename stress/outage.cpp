// stress outage: the coordinator dies by SIGKILL and comes back on the same disk and port.
//
// Trials of one kind kill it during an all-reduce: the op finishes without it, the commit waits for it, and
// the next round commits after it. Those of the other kind kill a peer too while it is away: the op pauses
// and says why, a wait that expires says that the op still runs, and the survivors finish the op once the
// coordinator is back. At the end of each trial all records a coordinator answers for must be what they were.
#include <algorithm>
#include <cstdio>
#include <random>
#include <thread>

#include "base/limits.h"
#include "flock.h"
#include "statistics.h"

namespace {

using namespace stress;

constexpr auto kPauseWithin = std::chrono::seconds(30);
constexpr auto kPauseHolds = std::chrono::milliseconds(500);

// What "look" says of an op that runs.
struct Look {
    bool done = false;
    std::string result, paused, waiting;
};

class Trials {
public:
    Trials(const FlockSettings& settings, uint64_t trials)
        : settings_(settings), trials_(trials), random_(settings.seed), flock_(settings) {}

    int run() {
        for (int i = 0; i < 3; ++i) play_undisturbed();
        std::printf("undisturbed: median %.0f ms\n", median(undisturbed_));
        const uint64_t tries_max = std::max<uint64_t>(4 * trials_, 12);
        while (finished_ < trials_ || resumed_ < trials_) {
            if (++tries_ > tries_max)
                throw std::runtime_error("too few of " + std::to_string(tries_max) + " kills hit an open op");
            if (finished_ < trials_) outage_in_op();
            if (resumed_ < trials_) death_in_outage();
        }
        flock_.finish();
        std::printf(
            "stress outage: PASS finished_without_coordinator=%llu paused_and_resumed=%llu rounds=%llu "
            "records_lost=0 peers=%zu bytes=%llu security=%s seed=%llu\n",
            number(finished_), number(resumed_), number(rounds_), flock_.size(), number(settings_.bytes),
            settings_.security.c_str(), number(settings_.seed));
        return 0;
    }

private:
    static unsigned long long number(uint64_t value) { return value; }

    void sleep_into_op() {
        std::uniform_real_distribution<double> part(0.05, 0.6);
        std::this_thread::sleep_for(
            std::chrono::microseconds(static_cast<int64_t>(part(random_) * median(undisturbed_) * 1000)));
    }

    void play_undisturbed() {
        undisturbed_.push_back(flock_.play_undisturbed());
        note_record();
    }

    std::string record_of(uint64_t round, size_t by) {
        flock_.peer(by).say("record " + std::to_string(round));
        return flock_.peer(by).expect("record", Millis(kPatienceMs));
    }

    void note_record(size_t by = 0) {
        records_[flock_.round()] = record_of(flock_.round(), by);
        rounds_ += 1;
        if (records_.size() > whim::limits::kRoundRecordsKept) records_.erase(records_.begin());
    }

    // The coordinator is back: the next round commits, and nothing that was committed is lost or changed.
    void check_the_run_goes_on() {
        play_undisturbed();
        for (const auto& [round, record] : records_) {
            const std::string now = record_of(round, 0);
            if (now != record)
                throw std::runtime_error("the record of round " + std::to_string(round) + " was '" + record +
                                         "' and is '" + now + "'");
        }
    }

    void outage_in_op() {
        flock_.begin_round();
        flock_.tell(flock_.everyone(), "go");
        sleep_into_op();
        flock_.kill_coordinator();
        const auto killed = Clock::now();
        bool all_open = true;
        double last_ms = 0;
        for (const size_t i : flock_.everyone()) {
            const auto at = flock_.hear_reduced(i).at;
            all_open = all_open && at > killed;
            last_ms = std::max(last_ms, std::chrono::duration<double, std::milli>(at - killed).count());
        }
        finished_ += all_open;
        std::printf("coordinator killed in an op: finished without it %.0f ms later%s\n", last_ms,
                    all_open ? "" : "; does not count: somebody had finished before");
        flock_.restart_coordinator();
        flock_.hear_checked(flock_.everyone());
        note_record();
        check_the_run_goes_on();
        std::printf("  restarted: the round and the next one are committed; %zu records are intact\n",
                    records_.size());
        std::fflush(stdout);
    }

    Look look_at(size_t i) {
        flock_.peer(i).say("look");
        const std::string line = flock_.peer(i).hear(Millis(kPatienceMs));
        if (line == "done") return {true, "", "", ""};
        const size_t first = line.find('\t'), second = line.find('\t', first + 1);
        if (line.rfind("running ", 0) != 0 || second == std::string::npos)
            throw std::runtime_error("a look gave '" + line + "'");
        return {false, line.substr(8, first - 8), line.substr(first + 1, second - first - 1),
                line.substr(second + 1)};
    }

    // Nullopt: the op of survivor i has completed. Otherwise it is paused and says so.
    std::optional<Look> await_pause(size_t i) {
        const auto until = Clock::now() + kPauseWithin;
        for (;;) {
            const Look look = look_at(i);
            if (look.done) return std::nullopt;
            if (look.result != "WHIM_IN_PROGRESS")
                throw std::runtime_error("a wait that expired returned " + look.result);
            if (!look.paused.empty()) return look;
            if (Clock::now() > until)
                throw std::runtime_error("an op that cannot go on says nothing: " + look.waiting);
        }
    }

    // False: the dead peer's part was done, and somebody has completed the op.
    bool all_pause(const std::vector<size_t>& survivors) {
        bool all = true;
        for (const size_t i : survivors) {
            const auto look = await_pause(i);
            all = all && look;
            if (!look) continue;
            if (look->waiting.find("no coordinator answers") == std::string::npos)
                throw std::runtime_error("whim_op_waiting_for does not say why: '" + look->waiting + "'");
            if (i == survivors.front())
                std::printf("  %s\n  waits for: %s\n", look->paused.c_str(), look->waiting.c_str());
        }
        flock_.peer(survivors.front()).say("ask 1");
        const std::string asked = flock_.peer(survivors.front()).expect("asked", Millis(kPatienceMs));
        if (asked.rfind("WHIM_IN_PROGRESS\twaits for a coordinator", 0) != 0)
            throw std::runtime_error("a record asked of a coordinator that is away gives '" + asked + "'");
        std::this_thread::sleep_for(kPauseHolds);
        for (const size_t i : survivors)
            if (all && look_at(i).done)
                throw std::runtime_error("a paused op completed without a coordinator");
        return all;
    }

    void death_in_outage() {
        const size_t victim = random_() % flock_.size();
        const auto survivors = flock_.all_but({victim});
        flock_.begin_round();
        flock_.kill_coordinator();
        flock_.tell(flock_.everyone(), "start");
        sleep_into_op();
        flock_.peer(victim).kill_hard();
        for (const size_t i : survivors) flock_.peer(i).expect("started", Millis(kPatienceMs));
        std::printf("coordinator and %s killed in an op:\n", flock_.name(victim).c_str());
        const bool paused = all_pause(survivors);
        flock_.restart_coordinator();
        const auto back = Clock::now();
        flock_.tell(survivors, "finish");
        double last_ms = 0;
        bool left_out = true;
        for (const size_t i : survivors) {
            const Report report = flock_.hear_reduced(i);
            last_ms = std::max(last_ms, std::chrono::duration<double, std::milli>(report.at - back).count());
            left_out = left_out && report.gone == 1;
        }
        if (paused && !left_out) throw std::runtime_error("an op was resumed, but its dead peer is not gone");
        flock_.hear_checked(survivors);
        note_record(survivors.front());
        resumed_ += paused;
        if (paused) std::printf("  restarted: the survivors finished the op %.0f ms later\n", last_ms);
        else std::printf("  does not count: the dead peer's part was done\n");
        flock_.replace({victim});
        check_the_run_goes_on();
        std::fflush(stdout);
    }

    const FlockSettings settings_;
    const uint64_t trials_;
    std::mt19937_64 random_;
    Flock flock_;
    uint64_t tries_ = 0, finished_ = 0, resumed_ = 0, rounds_ = 0;
    std::vector<double> undisturbed_;
    std::map<uint64_t, std::string> records_;  // by round: those a coordinator still answers for
};

}  // namespace

constexpr const char* kUsage =
    R"(usage: ./run stress outage [--trials 5] [--peers 4] [--bytes 64MiB] [--dtype f32|bf16] [--reduce avg|sum]
                           [--security tls|none] [--seed 1]
--trials: of each kind: the coordinator dies in an op; a peer dies while the coordinator is away.
)";

int main(int argc, char** argv) try {
    const Options options(argc, argv, flock_options({"trials"}), {"help"});
    if (options.has("help")) return std::fputs(kUsage, stdout) < 0;
    if (const auto code = play_role(options)) return *code;
    const uint64_t trials = options.number("trials", 5);
    const FlockSettings settings = flock_settings(options, "64MiB");
    if (trials == 0 || settings.peers < 2)
        throw std::runtime_error("--trials: at least 1; --peers: at least 2");
    return Trials(settings, trials).run();
} catch (const std::exception& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    std::printf("stress outage: FAIL %s\n", problem.what());
    return 1;
}
