// stress wan-control: heartbeats stay prompt, and nobody is evicted, while all-reduces fill the lines.
//
// On each path, rounds follow each other until the time is over, each with an all-reduce that would keep the
// lines busy for some seconds. The round trips of heartbeats, as the links report them while an op runs, are
// at most the path's own and 50 ms more in 99 of 100 looks. On the path `home`, whose losses alone delay them
// longer, only evictions are judged.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "wan/units.h"
#include "wan_flock.h"

namespace {

using namespace stress;

constexpr double kExtraMs = 50;   // what a heartbeat may wait beyond the path's round trip
constexpr double kOpSeconds = 4;  // of the lines at full rate
constexpr uint64_t kBytesMax = 256 << 20;

struct Path {
    const char *name, *rate, *rtt, *loss;
    bool is_judged;  // its round trips are
};
constexpr Path kPaths[] = {{"thin", "10mbit", "80ms", "0", true},
                           {"fast", "1gbit", "80ms", "0", true},
                           {"home", "5mbit", "300ms", "2%", false}};

const Path& path_named(const std::string& name) {
    for (const auto& path : kPaths)
        if (name == path.name) return path;
    throw std::runtime_error("--paths: thin, fast or home, not '" + name + "'");
}

// Each peer sends and hears 2(N-1)/N of them.
uint64_t bytes_for(const Path& path, uint64_t peers) {
    const auto n = static_cast<double>(peers);
    const double bytes = wan::parse_rate(path.rate) / 8 * kOpSeconds * n / (2 * (n - 1));
    return std::min(kBytesMax, static_cast<uint64_t>(bytes) >> 20 << 20);
}

bool run_path(const Path& path, WanSettings settings, double minutes) {
    settings.rate = path.rate;
    settings.rtt = path.rtt;
    settings.loss = path.loss;
    if (settings.flock.bytes == 0) settings.flock.bytes = bytes_for(path, settings.flock.peers);
    const double limit_ms = wan::parse_duration(path.rtt).seconds() * 1e3 + kExtraMs;

    WanFlock wan(settings);
    wan.flock.watch_round_trips();
    const auto until = Clock::now() + std::chrono::duration<double>(60 * minutes);
    uint64_t ops = 0;
    double op_ms = 0;
    for (; Clock::now() < until; ++ops) op_ms += wan.flock.play_undisturbed(Flock::Late::counted);
    const RoundTrips seen = wan.flock.hear_round_trips();
    wan.flock.finish();

    const bool good = !path.is_judged || seen.p99_ms <= limit_ms;
    std::printf(
        "%s: %llu ops of %llu bytes in %.0f s each; heartbeats p99 %.0f ms, longest %.0f ms, limit %s; "
        "router %.2f cores: %s\n",
        path.name, static_cast<unsigned long long>(ops),
        static_cast<unsigned long long>(settings.flock.bytes), op_ms / 1e3 / static_cast<double>(ops),
        seen.p99_ms, seen.longest_ms,
        path.is_judged ? (std::to_string(std::lround(limit_ms)) + " ms").c_str() : "none",
        wan.lab.stats().busiest_share, good ? "good" : "too long");
    std::fflush(stdout);
    return good;
}

int run(const Options& options) {
    WanSettings settings = wan_settings(options, "256MiB");
    if (!options.has("bytes")) settings.flock.bytes = 0;
    const double minutes = std::stod(options.text("minutes", "1"));
    if (!(minutes > 0) || settings.flock.peers < 2)
        throw std::runtime_error("--minutes: above 0; --peers: at least 2");
    const auto names = split(options.text("paths", "thin,fast"));
    std::string bad;
    for (const auto& name : names)
        if (!run_path(path_named(name), settings, minutes)) bad += " " + name;
    std::printf("stress wan-control: %s paths=%s minutes=%g of each, peers=%llu evicted=0%s%s\n",
                bad.empty() ? "PASS" : "FAIL", options.text("paths", "thin,fast").c_str(), minutes,
                static_cast<unsigned long long>(settings.flock.peers),
                bad.empty() ? "" : " heartbeats too long on", bad.c_str());
    return bad.empty() ? 0 : 1;
}

constexpr const char* kUsage =
    R"(usage: ./run stress wan-control [--paths thin,fast] [--minutes 1] [--peers 4] [--bytes B] [--security tls|none]
                                [--queue 50ms] [--seed 1]
--paths: thin (10 Mbit/s, 80 ms), fast (1 Gbit/s, 80 ms), home (5 Mbit/s, 300 ms, 2 % loss; judged by evictions alone).
--minutes: on each path. --bytes: of an op; by default what keeps the lines busy for four seconds, at most 256 MiB.
)";

}  // namespace

int main(int argc, char** argv) {
    return wan_main(argc, argv, {"wan-control", kUsage, {"paths", "minutes"}, {}, run});
}
