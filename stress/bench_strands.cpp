// What the strand controller makes of paths: the delivered rate over time on modelled paths of many rates,
// round trips and losses, beside the best fixed number of strands on the same path. A model, deterministic.
//   ./run bench strands [--seconds 60] [--svg FILE] [--json]
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <numeric>

#include "base/limits.h"
#include "stress/machine.h"
#include "stress/options.h"
#include "stress/path_model.h"

namespace {

using namespace stress;

constexpr uint32_t kMost = whim::limits::kStrandsPerLinkMax - 1;
constexpr double kLosses[] = {0, 1e-4, 1e-3, 1e-2};
constexpr double kRates[] = {1e8, 1e9};
constexpr int kRttsMs[] = {10, 80, 250};
constexpr uint64_t kSeed = 1;

struct Outcome {
    PathShape shape;
    Convergence tuned;
    double end = 0, best = 0;  // of the capacity: the last third of the time; the best fixed number
    uint32_t best_strands = 1;
};

Outcome run_path(const PathShape& shape, uint32_t seconds) {
    Outcome outcome{shape, converge(shape, kSeed, seconds, kMost)};
    const auto& rate = outcome.tuned.rate;
    const auto from = rate.end() - std::max<ptrdiff_t>(1, static_cast<ptrdiff_t>(seconds) / 3);
    outcome.end = std::accumulate(from, rate.end(), 0.0) / static_cast<double>(rate.end() - from) /
                  outcome.tuned.capacity;
    for (uint32_t n = 1; n <= kMost; n *= 2) {
        const double share = fixed_rate(shape, kSeed, seconds, n) / outcome.tuned.capacity;
        if (share <= outcome.best * 1.02) continue;  // more strands have to be worth it
        outcome.best = share;
        outcome.best_strands = n;
    }
    return outcome;
}

std::string name_of(const PathShape& shape) {
    char text[64];
    std::snprintf(text, sizeof text, "%.0f Mbit/s, %lld ms", shape.bits_per_second / 1e6,
                  static_cast<long long>(shape.rtt.ms()));
    return text;
}

const char* kind_of(const PathShape& shape) { return shape.loss_based ? "cubic" : "bbr"; }

void print(const Outcome& o, bool json) {
    const char* form =
        json ? "{\"bench\": \"strands\", \"cc\": \"%s\", \"rate_mbit\": %.0f, \"rtt_ms\": %lld, "
               "\"loss\": %g, \"end\": %.3f, \"strands\": %u, \"best_fixed\": %.3f, "
               "\"best_strands\": %u, \"commit\": \"%s\"}\n"
             : "%-6s %6.0f Mbit/s %4lld ms  loss %-6g  %5.2f with %2u   best fixed %5.2f with %2u\n";
    std::printf(form, kind_of(o.shape), o.shape.bits_per_second / 1e6,
                static_cast<long long>(o.shape.rtt.ms()), o.shape.loss, o.end, o.tuned.strands.back(), o.best,
                o.best_strands, commit().c_str());
}

// One panel for each congestion control and loss; a line for each path, dashes for its best fixed number.
void draw(const std::vector<Outcome>& all, uint32_t seconds, std::ostream& out) {
    constexpr int kWidth = 250, kHeight = 150, kGap = 34, kLeft = 40;
    constexpr const char* kColours[] = {"#9ecae1", "#3182bd", "#08306b", "#fdae6b", "#e6550d", "#7f2704"};
    const int columns = std::size(kLosses), rows = 2;
    out << "<svg xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" font-size=\"11\" width=\""
        << kLeft + columns * (kWidth + kGap) << "\" height=\"" << rows * (kHeight + 2 * kGap) + 30
        << "\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
    const auto x = [&](int column, double second) {
        return kLeft + column * (kWidth + kGap) + kWidth * second / seconds;
    };
    const auto y = [&](int row, double share) {
        return kGap + row * (kHeight + 2 * kGap) + kHeight * (1 - std::min(share, 1.1) / 1.1);
    };
    for (size_t i = 0; i < all.size(); ++i) {
        const Outcome& o = all[i];
        const int row = o.shape.loss_based ? 0 : 1;
        const int column = static_cast<int>(std::find(kLosses, std::end(kLosses), o.shape.loss) - kLosses);
        const size_t line = i % std::size(kColours);
        if (line == 0) {
            out << "<text x=\"" << x(column, 0) << "\" y=\"" << y(row, 1.1) - 6 << "\">" << kind_of(o.shape)
                << ", loss " << o.shape.loss * 100 << " %</text>\n<path fill=\"none\" stroke=\"#999\" d=\"M"
                << x(column, 0) << ' ' << y(row, 1.1) << " V" << y(row, 0) << " H" << x(column, seconds)
                << "\"/>\n<text x=\"" << x(column, seconds) - 20 << "\" y=\"" << y(row, 0) + 14 << "\">"
                << seconds << " s</text>\n<text x=\"" << x(column, 0) - 16 << "\" y=\"" << y(row, 1) + 4
                << "\">1</text>\n";
        }
        out << "<path fill=\"none\" stroke-width=\"1.5\" stroke=\"" << kColours[line] << "\" d=\"";
        for (size_t s = 0; s < o.tuned.rate.size(); ++s)
            out << (s == 0 ? "M" : " L") << x(column, static_cast<double>(s) + 0.5) << ' '
                << y(row, o.tuned.rate[s] / o.tuned.capacity);
        out << "\"/>\n<path stroke-dasharray=\"3 4\" stroke=\"" << kColours[line] << "\" d=\"M"
            << x(column, 0) << ' ' << y(row, o.best) << " H" << x(column, seconds) << "\"/>\n";
        if (row == 0 && column == 0)
            out << "<text fill=\"" << kColours[line] << "\" x=\"" << kLeft + static_cast<int>(line) * 130
                << "\" y=\"" << rows * (kHeight + 2 * kGap) + 16 << "\">" << name_of(o.shape) << "</text>\n";
    }
    out << "</svg>\n";
}

}  // namespace

int main(int argc, char** argv) try {
    const Options options(argc, argv, {"seconds", "svg"}, {"json"});
    const auto seconds = static_cast<uint32_t>(options.number("seconds", 60));
    if (seconds == 0 || seconds > 3600) throw std::runtime_error("--seconds: from 1 to 3600");
    std::vector<Outcome> all;
    for (const bool loss_based : {true, false})
        for (const double loss : kLosses)
            for (const double rate : kRates)
                for (const int rtt : kRttsMs) {
                    PathShape shape;
                    shape.bits_per_second = rate;
                    shape.rtt = whim::milliseconds(rtt);
                    shape.loss = loss;
                    shape.loss_based = loss_based;
                    all.push_back(run_path(shape, seconds));
                    print(all.back(), options.has("json"));
                }
    double worst = 1e9;
    for (const Outcome& o : all) worst = std::min(worst, o.end / o.best);
    if (options.has("svg")) {
        std::ofstream file(options.text("svg", ""));
        draw(all, seconds, file);
        if (!file.flush()) throw std::runtime_error("cannot write " + options.text("svg", ""));
    }
    if (!options.has("json"))
        std::printf(
            "the last third of the time, of the path's capacity; the worst path reaches %.2f of its best "
            "fixed number\n",
            worst);
    return 0;
} catch (const std::exception& problem) {
    std::cerr << "bench strands: " << problem.what() << "\n";
    return 2;
}
