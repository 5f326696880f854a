// stress kill: peers die by SIGKILL in the middle of an all-reduce, and every survivor finishes the same
// call.
//
// Trials alternate with undisturbed rounds, in which the replacement of the dead takes part. A trial counts
// when the survivors' reports prove that the contribution of each of the dead had arrived in part: some of it
// was there, and not every element of the result holds it. Each survivor checks its result against the fold
// of the contributors its own report names; all must hold the same bytes; no finished chunk may have been
// sent again. Every third trial kills at half of the undisturbed median: those give the ratio of times.
#include <algorithm>
#include <cstdio>
#include <random>
#include <thread>

#include "flock.h"
#include "statistics.h"

namespace {

using namespace stress;

struct Settings {
    FlockSettings flock;
    uint64_t trials = 50, victims = 1;
    double ratio_max = 0;  // 0: not judged
};

struct Kill {
    size_t peer;
    double after_ms;
};

unsigned long long number(uint64_t value) { return value; }

class Trials {
public:
    explicit Trials(const Settings& settings)
        : settings_(settings), random_(settings.flock.seed), flock_(settings.flock) {}

    bool run() {
        for (int i = 0; i < 3; ++i) undisturbed_.push_back(flock_.play_undisturbed());
        std::printf("undisturbed: median %.0f ms over %zu rounds\n", median(undisturbed_),
                    undisturbed_.size());
        const uint64_t tries_max = std::max<uint64_t>(4 * settings_.trials, 12);
        while (disturbed_.size() < settings_.trials) {
            if (tries_ == tries_max)
                throw std::runtime_error("in " + std::to_string(tries_) + " trials only " +
                                         std::to_string(disturbed_.size()) +
                                         " kills hit the op when their contribution had arrived in part");
            trial();
            undisturbed_.push_back(flock_.play_undisturbed());
        }
        flock_.finish();
        return report();
    }

private:
    std::vector<Kill> plan(bool half_way) {
        std::uniform_real_distribution<double> part(0.05, 0.9);
        std::vector<size_t> order = flock_.everyone();
        std::shuffle(order.begin(), order.end(), random_);
        std::vector<Kill> kills;
        for (uint64_t i = 0; i < settings_.victims; ++i)
            kills.push_back({order[i], (half_way ? 0.5 : part(random_)) * median(undisturbed_)});
        std::sort(kills.begin(), kills.end(),
                  [](const Kill& a, const Kill& b) { return a.after_ms < b.after_ms; });
        return kills;
    }

    void trial() {
        const bool half_way = ++tries_ % 3 == 1;
        const std::vector<Kill> kills = plan(half_way);
        flock_.begin_round();
        flock_.tell(flock_.everyone(), "go");
        const auto gone = Clock::now();
        std::vector<size_t> dead;
        for (const auto& kill : kills) {
            std::this_thread::sleep_until(
                gone + std::chrono::microseconds(static_cast<int64_t>(kill.after_ms * 1000)));
            flock_.peer(kill.peer).kill_hard();
            dead.push_back(kill.peer);
        }
        std::vector<Report> reports;
        for (const size_t i : flock_.all_but(dead)) reports.push_back(flock_.hear_reduced(i));
        flock_.hear_checked(flock_.all_but(dead));
        judge(kills, reports, half_way);
        flock_.replace(dead);
    }

    // Some of the victim's contribution was at survivors, and some elements of the result are without it.
    // Their number of arrived contributions does not say whose: it proves one only when it is that of all.
    bool in_part(size_t victim, const std::vector<Report>& reports) const {
        const auto hit = reports.front().elements.find(flock_.name(victim));
        const uint64_t elements = hit == reports.front().elements.end() ? 0 : hit->second;
        const bool arrived =
            elements > 0 || std::any_of(reports.begin(), reports.end(),
                                        [&](const Report& r) { return r.partial == settings_.victims; });
        return arrived && elements < flock_.elements();
    }

    void judge(const std::vector<Kill>& kills, const std::vector<Report>& reports, bool half_way) {
        Report sum;
        for (const Report& r : reports) {
            sum.took_ms = std::max(sum.took_ms, r.took_ms);
            sum.partial += r.partial;
            sum.resent += r.resent;
            sum.refolded += r.refolded;
            sum.adopted += r.adopted;
            sum.sets = std::max(sum.sets, r.sets);
        }
        std::string who;
        bool counts = true;
        for (const auto& kill : kills) {
            char text[64];
            std::snprintf(text, sizeof text, " %s at %.0f ms", flock_.name(kill.peer).c_str(), kill.after_ms);
            who += text;
            counts = counts && in_part(kill.peer, reports);
        }
        if (counts) disturbed_.push_back(sum.took_ms);
        if (counts && half_way) half_way_.push_back(sum.took_ms);
        adopted_ += sum.adopted;
        refolded_ += sum.refolded;
        std::printf(
            "trial %llu: killed%s; took %.0f ms; %llu sets, arrived %llu, adopted %llu, folded again "
            "%llu, resent %llu%s\n",
            number(tries_), who.c_str(), sum.took_ms, number(sum.sets), number(sum.partial),
            number(sum.adopted), number(sum.refolded), number(sum.resent),
            counts ? "" : "; does not count: all or nothing of a dead peer's contribution was there");
        std::fflush(stdout);
        if (sum.resent != 0) throw std::runtime_error("finished chunks were sent again");
    }

    bool report() const {
        const double calm = median(undisturbed_), all = median(disturbed_);
        if (half_way_.empty() && settings_.ratio_max > 0)
            throw std::runtime_error("no trial that counts had its death at half-way: there is no ratio");
        char half[64] = "none at half-way", ratio[32] = "none";
        if (!half_way_.empty()) {
            std::snprintf(half, sizeof half, "at half-way %.0f ms (%zu)", median(half_way_),
                          half_way_.size());
            std::snprintf(ratio, sizeof ratio, "%.2f", median(half_way_) / calm);
        }
        const bool good = settings_.ratio_max <= 0 || median(half_way_) / calm <= settings_.ratio_max;
        const FlockSettings& f = settings_.flock;
        std::printf("medians: undisturbed %.0f ms (%zu rounds), with a death %.0f ms (%zu), %s\n", calm,
                    undisturbed_.size(), all, disturbed_.size(), half);
        std::printf(
            "stress kill: %s trials=%zu tries=%llu peers=%llu victims=%llu bytes=%llu dtype=%s "
            "reduce=%s security=%s ratio=%s adopted=%llu refolded=%llu resent=0 seed=%llu\n",
            good ? "PASS" : "FAIL", disturbed_.size(), number(tries_), number(f.peers),
            number(settings_.victims), number(f.bytes), f.dtype.c_str(), f.reduce.c_str(), f.security.c_str(),
            ratio, number(adopted_), number(refolded_), number(f.seed));
        std::fflush(stdout);
        return good;
    }

    const Settings settings_;
    std::mt19937_64 random_;
    Flock flock_;
    uint64_t tries_ = 0, adopted_ = 0, refolded_ = 0;
    std::vector<double> undisturbed_, disturbed_, half_way_;  // ms; disturbed: trials that count
};

Settings settings_from(const Options& options) {
    Settings s;
    s.flock = flock_settings(options, "256MiB");
    s.trials = options.number("trials", s.trials);
    s.victims = options.number("victims", s.victims);
    s.ratio_max = std::stod(options.text("ratio-max", s.flock.reduce == "avg" ? "1.5" : "0"));
    if (s.victims == 0 || s.victims >= s.flock.peers)
        throw std::runtime_error("--victims leaves nobody, or kills nobody");
    if (s.trials == 0) throw std::runtime_error("--trials must be more than 0");
    return s;
}

bool run(const Settings& settings) try { return Trials(settings).run(); } catch (const std::exception& e) {
    std::printf("stress kill: FAIL %s\n", e.what());
    std::fflush(stdout);
    return false;
}

// What the library promises about deaths, one variant after the other; each has a verdict of its own.
int run_all(const Settings& base) {
    const auto variant = [&](const char* dtype, const char* reduce, const char* security, uint64_t peers,
                             uint64_t victims) {
        Settings s = base;
        s.flock.dtype = dtype;
        s.flock.reduce = reduce;
        s.flock.security = security;
        s.flock.peers = peers;
        s.victims = victims;
        if (s.flock.reduce == "sum") s.ratio_max = 0;
        return s;
    };
    const std::vector<Settings> variants{
        variant("f32", "avg", "none", 4, 1), variant("f32", "avg", "tls", 4, 1),
        variant("bf16", "avg", "tls", 4, 1), variant("f32", "avg", "tls", 6, 2),
        variant("f32", "sum", "tls", 4, 1)};
    size_t good = 0;
    for (const Settings& each : variants) good += run(each);
    std::printf("stress kill: %s variants=%zu passed=%zu trials=%llu of each\n",
                good == variants.size() ? "PASS" : "FAIL", variants.size(), good, number(base.trials));
    return good == variants.size() ? 0 : 1;
}

}  // namespace

constexpr const char* kUsage =
    R"(usage: ./run stress kill [--trials 50] [--peers 4] [--victims 1] [--bytes 256MiB] [--dtype f32|bf16]
                         [--reduce avg|sum] [--security tls|none] [--seed 1] [--ratio-max 1.5] [--all]
--ratio-max: of the median time with a death at half-way to the undisturbed one; 0: not judged (default of sum).
--all: f32 avg without and with TLS, bf16, 2 of 6 killed, and sum, one after the other.
)";

int main(int argc, char** argv) try {
    const Options options(argc, argv, flock_options({"trials", "victims", "ratio-max"}), {"help", "all"});
    if (options.has("help")) return std::fputs(kUsage, stdout) < 0;
    if (const auto code = play_role(options)) return *code;
    const Settings settings = settings_from(options);
    return options.has("all") ? run_all(settings) : run(settings) ? 0 : 1;
} catch (const std::exception& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    std::printf("stress kill: FAIL %s\n", problem.what());
    return 1;
}
