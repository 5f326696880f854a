// stress kill: peers die by SIGKILL in the middle of an all-reduce, and every survivor finishes the same
// call.
//
// Trials alternate with undisturbed rounds, in which the replacement of the dead takes part. A trial counts
// when a survivor's report proves that a dead peer's contribution had arrived in part. Each survivor checks
// its result against the fold of the contributors its own report names; all must hold the same bytes; no
// finished chunk may have been sent again. Every third trial kills at half of the undisturbed median: those
// give the ratio of times.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <random>
#include <sstream>
#include <thread>

#include "kill_peer.h"
#include "options.h"
#include "peer.h"

namespace {

using namespace stress;
using Clock = std::chrono::steady_clock;

struct Settings {
    uint64_t trials, peers, victims, bytes, seed;
    std::string dtype, reduce, security;
    double ratio_max;
};

struct Peer {
    Child child;
    std::string name;
};

struct Kill {
    size_t peer;
    double after_ms;
};

struct Outcome {
    double longest_ms = 0;  // of the survivors' calls
    uint64_t partial = 0, resent = 0, refolded = 0, adopted = 0, sets = 0;
};

class Trials {
public:
    explicit Trials(const Settings& settings)
        : settings_(settings), random_(settings.seed),
          coordinator_(start_coordinator(scratch_.path(), settings.security, settings.peers)) {
        for (uint64_t i = 0; i < settings.peers; ++i) peers_.push_back(start_peer());
        for (auto& peer : peers_) peer.child.expect("joined", Millis(kPatienceMs));
    }

    int run() {
        for (int i = 0; i < 3; ++i) note_undisturbed(play_round({}));
        std::printf("undisturbed: median %.0f ms over %zu rounds\n", median(undisturbed_),
                    undisturbed_.size());
        for (uint64_t attempts = 0; counted_ < settings_.trials; ++attempts) {
            if (attempts == 4 * settings_.trials + 8)
                throw std::runtime_error("too few kills hit the op in its middle");
            trial();
            replace_the_dead();
            note_undisturbed(play_round({}));
        }
        return report();
    }

private:
    Peer start_peer() {
        const std::string name = "peer" + std::to_string(++started_);
        return {Child::start({"--role", "peer", "--invite", coordinator_.invite, "--name", name, "--security",
                              settings_.security, "--bytes", std::to_string(settings_.bytes), "--dtype",
                              settings_.dtype, "--reduce", settings_.reduce, "--seed",
                              std::to_string(settings_.seed)}),
                name};
    }

    // All peers reduce once; those in kills die on the way.
    Outcome play_round(const std::vector<Kill>& kills) {
        for (auto& peer : peers_) peer.child.say("round " + std::to_string(round_));
        ++round_;
        for (auto& peer : peers_) {
            const std::string world = peer.child.expect("ready", Millis(kPatienceMs));
            if (world != std::to_string(peers_.size()))
                throw std::runtime_error("a round of " + world + " began");
        }
        for (auto& peer : peers_) peer.child.say("go");
        const auto gone = Clock::now();
        for (const auto& kill : kills) {
            std::this_thread::sleep_until(
                gone + std::chrono::microseconds(static_cast<int64_t>(kill.after_ms * 1000)));
            peers_[kill.peer].child.kill_hard();
        }
        Outcome outcome;
        std::string hash;
        for (size_t i = 0; i < peers_.size(); ++i)
            if (std::none_of(kills.begin(), kills.end(), [&](const Kill& kill) { return kill.peer == i; }))
                hear_survivor(peers_[i], outcome, hash);
        return outcome;
    }

    static void hear_survivor(Peer& peer, Outcome& outcome, std::string& hash) {
        double ns = 0;
        uint64_t partial = 0, resent = 0, refolded = 0, adopted = 0, sets = 0;
        std::istringstream(peer.child.expect("reduced", Millis(kPatienceMs))) >> ns >> partial >> resent >>
            refolded >> adopted >> sets;
        outcome.longest_ms = std::max(outcome.longest_ms, ns / 1e6);
        outcome.partial += partial;
        outcome.resent += resent;
        outcome.refolded += refolded;
        outcome.adopted += adopted;
        outcome.sets = std::max(outcome.sets, sets);
        std::string own_hash, wrong;
        std::istringstream(peer.child.expect("checked", Millis(kPatienceMs))) >> own_hash >> wrong;
        if (wrong != "none")
            throw std::runtime_error(peer.name + ": element " + wrong +
                                     " is not the fold of the reported contributors");
        if (hash.empty()) hash = own_hash;
        if (hash != own_hash)
            throw std::runtime_error(peer.name + " holds other bytes than the peers before it");
    }

    void note_undisturbed(const Outcome& outcome) { undisturbed_.push_back(outcome.longest_ms); }

    void trial() {
        const bool half_way = ++trials_ % 3 == 1;
        std::uniform_real_distribution<double> part(0.05, 0.9);
        std::vector<size_t> order(peers_.size());
        for (size_t i = 0; i < order.size(); ++i) order[i] = i;
        std::shuffle(order.begin(), order.end(), random_);
        std::vector<Kill> kills;
        for (uint64_t i = 0; i < settings_.victims; ++i)
            kills.push_back({order[i], (half_way ? 0.5 : part(random_)) * median(undisturbed_)});
        std::sort(kills.begin(), kills.end(),
                  [](const Kill& a, const Kill& b) { return a.after_ms < b.after_ms; });
        const Outcome outcome = play_round(kills);
        const bool counts = outcome.partial > 0;
        counted_ += counts;
        if (counts && half_way) half_way_.push_back(outcome.longest_ms);
        if (counts) disturbed_.push_back(outcome.longest_ms);
        total_.resent += outcome.resent;
        total_.refolded += outcome.refolded;
        total_.adopted += outcome.adopted;
        std::string who;
        for (const auto& kill : kills) {
            char text[64];
            std::snprintf(text, sizeof text, " %s at %.0f ms", peers_[kill.peer].name.c_str(), kill.after_ms);
            who += text;
        }
        std::printf(
            "trial %llu: killed%s; took %.0f ms; %llu sets, partial %llu, adopted %llu, folded again %llu, "
            "resent %llu%s\n",
            number(trials_), who.c_str(), outcome.longest_ms, number(outcome.sets), number(outcome.partial),
            number(outcome.adopted), number(outcome.refolded), number(outcome.resent),
            counts ? "" : "; does not count: nothing of the dead had arrived in part");
        std::fflush(stdout);
        if (outcome.resent != 0) throw std::runtime_error("finished chunks were sent again");
        dead_ = std::move(kills);
    }

    void replace_the_dead() {
        for (const auto& kill : dead_) peers_[kill.peer] = start_peer();
        for (const auto& kill : dead_) peers_[kill.peer].child.expect("joined", Millis(kPatienceMs));
    }

    int report() {
        for (auto& peer : peers_)
            if (!peer.child.finish(Millis(kPatienceMs)))
                throw std::runtime_error(peer.name + " did not end well");
        const double calm = median(undisturbed_), all = median(disturbed_);
        const double half = half_way_.empty() ? all : median(half_way_);
        const bool good = settings_.ratio_max <= 0 || half / calm <= settings_.ratio_max;
        std::printf(
            "medians: undisturbed %.0f ms (%zu rounds), with a death %.0f ms (%zu), at half-way %.0f ms "
            "(%zu)\n",
            calm, undisturbed_.size(), all, disturbed_.size(), half, half_way_.size());
        std::printf(
            "stress kill: %s trials=%llu peers=%llu victims=%llu bytes=%llu dtype=%s reduce=%s security=%s "
            "ratio=%.2f adopted=%llu refolded=%llu resent=%llu seed=%llu\n",
            good ? "PASS" : "FAIL", number(counted_), number(settings_.peers), number(settings_.victims),
            number(settings_.bytes), settings_.dtype.c_str(), settings_.reduce.c_str(),
            settings_.security.c_str(), half / calm, number(total_.adopted), number(total_.refolded),
            number(total_.resent), number(settings_.seed));
        return good ? 0 : 1;
    }

    static unsigned long long number(uint64_t value) { return value; }

    const Settings settings_;
    std::mt19937_64 random_;
    ScratchDirectory scratch_;
    Coordinator coordinator_;
    std::vector<Peer> peers_;
    std::vector<Kill> dead_;
    uint64_t started_ = 0, round_ = 0, trials_ = 0, counted_ = 0;
    std::vector<double> undisturbed_, disturbed_, half_way_;
    Outcome total_;
};

Settings settings_from(const Options& options) {
    Settings s{options.number("trials", 50),
               options.number("peers", 4),
               options.number("victims", 1),
               parse_bytes(options.text("bytes", "256MiB")),
               options.number("seed", 1),
               options.text("dtype", "f32"),
               options.text("reduce", "avg"),
               options.text("security", "tls"),
               0};
    s.ratio_max = std::stod(options.text("ratio-max", s.reduce == "avg" ? "1.5" : "0"));
    if (s.dtype != "f32" && s.dtype != "bf16") throw std::runtime_error("--dtype is f32 or bf16");
    if (s.reduce != "avg" && s.reduce != "sum") throw std::runtime_error("--reduce is avg or sum");
    if (s.victims == 0 || s.victims >= s.peers)
        throw std::runtime_error("--victims leaves nobody, or kills nobody");
    if (s.trials == 0 || s.bytes == 0) throw std::runtime_error("--trials and --bytes must be more than 0");
    return s;
}

}  // namespace

constexpr const char* kUsage =
    R"(usage: ./run stress kill [--trials 50] [--peers 4] [--victims 1] [--bytes 256MiB] [--dtype f32|bf16]
                         [--reduce avg|sum] [--security tls|none] [--seed 1] [--ratio-max 1.5]
--ratio-max: of the median time with a death at half-way to the undisturbed one; 0: not judged (default of sum).
)";

int main(int argc, char** argv) try {
    const Options options(argc, argv,
                          {"trials", "peers", "victims", "bytes", "dtype", "reduce", "security", "seed",
                           "ratio-max", "role", "dir", "invite", "name"},
                          {"help"});
    const std::string role = options.text("role", "");
    if (options.has("help")) return std::fputs(kUsage, stdout) < 0;
    if (role == "coordinator") return coordinator_role(options);
    if (role == "peer") return kill_peer_role(options);
    return Trials(settings_from(options)).run();
} catch (const std::exception& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    std::printf("stress kill: FAIL %s\n", problem.what());
    return 1;
}
