// whim_sim: runs seeds of the simulation. See docs/internals/SIMULATION.md.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "tests/sim/prove.h"
#include "tests/sim/sweep.h"

namespace whim::sim {
namespace {

constexpr uint64_t kSeedsForFloors = 2000;

constexpr const char* kUsage =
    "whim_sim --seeds A..B [--jobs N] [--profile NAME] [--plant NAME] [--violations N] [--twice] [--quiet]\n"
    "    runs the seeds until N violations (10); --twice runs each two times and compares; prints coverage "
    "and a verdict\n"
    "whim_sim --seed N [--trace] [--profile NAME] [--plant NAME]\n"
    "    replays one seed\n"
    "whim_sim --plants [--seeds A..B] [--jobs N]\n"
    "    proves that each planted bug is caught\n"
    "whim_sim --list-plants | --list-profiles\n";

struct Arguments {
    std::map<std::string, std::string> values;
    bool has(const char* name) const { return values.contains(name); }
    std::string get(const char* name) const { return has(name) ? values.at(name) : ""; }
};

std::optional<Arguments> parse(int argc, char** argv) {
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        const bool flag = name == "--trace" || name == "--quiet" || name == "--twice" || name == "--plants" ||
                          name == "--list-plants" || name == "--list-profiles";
        const bool valued = name == "--seeds" || name == "--seed" || name == "--jobs" || name == "--plant" ||
                            name == "--profile" || name == "--violations";
        if (!flag && (!valued || i + 1 == argc)) return std::nullopt;
        arguments.values[name] = flag ? "" : argv[++i];
    }
    return arguments;
}

std::optional<Plant> plant_from(const std::string& name) {
    std::optional<Plant> found;
#define WHIM_X(plant, rule)                                                                                  \
    if (name == #plant) found = Plant::plant;
    WHIM_PLANT_LIST(WHIM_X)
#undef WHIM_X
    return found;
}

std::string replay(uint64_t seed, Plant plant, std::optional<Profile> profile) {
    std::string command = fmt::format("./run sim --seed {} --trace", seed);
    if (plant != Plant::none) command += fmt::format(" --plant {}", plant_name(plant));
    if (profile) command += fmt::format(" --profile {}", profile_name(*profile));
    return command;
}

int run_one(const SeedOptions& options) {
    const SeedResult result = run_seed(options);
    if (result.violation)
        std::printf("seed %lu VIOLATION: %s\n", static_cast<unsigned long>(options.seed),
                    result.violation->c_str());
    std::printf("seed %lu: %s, profile %s, %lu events, trace hash %016lx\n",
                static_cast<unsigned long>(options.seed), result.violation ? "FAIL" : "PASS",
                std::string(profile_name(result.plan.profile)).c_str(),
                static_cast<unsigned long>(result.events), static_cast<unsigned long>(result.hash));
    return result.violation ? 1 : 0;
}

int run_many(const SweepOptions& options, bool quiet) {
    SweepOptions told = options;
    told.found = [&](const SeedViolation& v) {
        std::printf("seed %lu VIOLATION: %s\n  replay: %s\n", static_cast<unsigned long>(v.seed),
                    v.what.c_str(), replay(v.seed, options.plant, options.profile).c_str());
        std::fflush(stdout);
    };
    const SweepResult result = sweep(told);
    if (!quiet) std::printf("%s", result.coverage.table().c_str());
    const uint64_t count = options.last - options.first + 1;
    const bool all_run = result.coverage.seeds == count;
    if (!all_run && result.violations.empty())
        std::printf("only %lu of %lu seeds were run\n", static_cast<unsigned long>(result.coverage.seeds),
                    static_cast<unsigned long>(count));
    std::string verdict = result.violations.empty() && all_run ? "PASS" : "FAIL";
    if (count >= kSeedsForFloors && options.plant == Plant::none && !options.profile) {
        const std::string missed = result.coverage.missed_floors();
        if (!missed.empty()) {
            std::printf("below the floor of 1 %%: %s\n", missed.c_str());
            verdict = "FAIL";
        }
    }
    std::printf(
        "whim_sim: %s seeds=%lu..%lu run=%lu violations=%zu median_cpu_ms=%.1f longest_cpu_ms=%.1f (seed "
        "%lu)\n",
        verdict.c_str(), static_cast<unsigned long>(options.first), static_cast<unsigned long>(options.last),
        static_cast<unsigned long>(result.coverage.seeds), result.violations.size(), result.median_ms,
        result.longest_ms, static_cast<unsigned long>(result.longest_seed));
    return verdict == "PASS" ? 0 : 1;
}

int run(const Arguments& a) {
    if (a.has("--list-plants")) {
#define WHIM_X(plant, rule)                                                                                  \
    if (Plant::plant != Plant::none) std::printf("%-26s %s\n", #plant, rule);
        WHIM_PLANT_LIST(WHIM_X)
#undef WHIM_X
        return 0;
    }
    if (a.has("--list-profiles")) {
#define WHIM_X(profile, what) std::printf("%-14s %s\n", #profile, what);
        WHIM_SIM_PROFILES(WHIM_X)
#undef WHIM_X
        return 0;
    }
    const std::optional<Plant> plant = a.has("--plant") ? plant_from(a.get("--plant")) : Plant::none;
    const std::optional<Profile> profile = profile_from(a.get("--profile"));
    if (!plant || (a.has("--profile") && !profile)) {
        std::fprintf(stderr, "no such plant or profile; see --list-plants and --list-profiles\n");
        return 2;
    }
    if (a.has("--seed")) {
        SeedOptions one;
        one.seed = std::strtoull(a.get("--seed").c_str(), nullptr, 10);
        one.plant = *plant;
        one.profile = profile;
        one.trace = a.has("--trace");
        one.hash_text = true;
        return run_one(one);
    }
    SweepOptions options;
    if (a.has("--seeds")) {
        char* rest = nullptr;
        const std::string range = a.get("--seeds");
        options.first = options.last = std::strtoull(range.c_str(), &rest, 10);
        if (std::strncmp(rest, "..", 2) == 0) options.last = std::strtoull(rest + 2, nullptr, 10);
    } else if (a.has("--plants")) {
        options.last = 5000;
    } else {
        std::fputs(kUsage, stderr);
        return 2;
    }
    if (options.first == 0 || options.last < options.first || options.last - options.first >= 100'000'000) {
        std::fprintf(stderr, "--seeds wants A..B with 1 <= A <= B, at most a hundred million of them\n");
        return 2;
    }
    if (a.has("--jobs"))
        options.jobs = static_cast<uint32_t>(std::strtoul(a.get("--jobs").c_str(), nullptr, 10));
    if (a.has("--violations"))
        options.violations_max = std::strtoull(a.get("--violations").c_str(), nullptr, 10);
    options.plant = *plant;
    options.profile = profile;
    options.twice = a.has("--twice");
    return a.has("--plants") ? prove_plants(options) : run_many(options, a.has("--quiet"));
}

}  // namespace
}  // namespace whim::sim

int main(int argc, char** argv) {
    const auto arguments = whim::sim::parse(argc, argv);
    if (!arguments || arguments->values.empty()) {
        std::fputs(whim::sim::kUsage, stderr);
        return 2;
    }
    return whim::sim::run(*arguments);
}
