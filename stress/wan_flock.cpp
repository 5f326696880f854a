// The last line is the program's verdict in every case.
#include "wan_flock.h"

#include <cstdio>
#include <stdexcept>

namespace stress {
namespace {

FlockSettings placed(FlockSettings settings, const wan::Lab& lab) {
    settings.places = lab.places();
    settings.coordinator_place = settings.places.back();
    settings.places.pop_back();
    return settings;
}

}  // namespace

WanSettings wan_settings(const Options& options, const std::string& bytes) {
    return {flock_settings(options, bytes), options.text("rate", "1gbit"), options.text("rtt", "80ms"),
            options.text("loss", "0"), options.text("queue", "50ms")};
}

WanFlock::WanFlock(const WanSettings& settings)
    : lab(wan::equal_hosts(settings.flock.peers + 1, settings.rate,
                           "rtt=" + settings.rtt + " loss=" + settings.loss, settings.queue)),
      flock(placed(settings.flock, lab)) {}

int wan_main(int argc, char** argv, const WanProgram& program) try {
    std::set<std::string> names = program.options, flags = program.flags;
    flags.insert("help");
    names.insert({"rate", "rtt", "loss", "queue"});
    const Options options(argc, argv, flock_options(names), flags);
    if (options.has("help")) return std::fputs(program.usage.c_str(), stdout) < 0;
    if (const auto code = play_role(options)) return *code;
    if (const auto reason = wan::why_unavailable()) {
        std::printf("stress %s: SKIP %s\n", program.name.c_str(), reason->c_str());
        return wan::kSkip;
    }
    return program.run(options);
} catch (const std::exception& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    std::printf("stress %s: FAIL %s\n", program.name.c_str(), problem.what());
    return 1;
}

}  // namespace stress
