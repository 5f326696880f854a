// Ratios are of medians.
#include "stress/peers/wan_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "stress/machine.h"
#include "stress/peers/report.h"
#include "stress/sizes.h"
#include "stress/statistics.h"

namespace stress {
namespace {

double ratio_to_other(const Pooled& pooled, const Pooled* other) {
    return other && pooled.contender.is_ours() ? median(pooled.seconds) / median(other->seconds) : 0;
}

std::string named(const Pooled& pooled) {
    return pooled.contender.name() + " (" + pooled.contender.algorithm + ")";
}

bool has_headroom(const WanPath& path, const Pooled& pooled) {
    return has_headroom(path, pooled.router_share, pooled.rtt_max_ms);
}

// Quotes would end the string it goes into.
std::string without_quotes(std::string text) {
    std::replace(text.begin(), text.end(), '"', '\'');
    return text;
}

}  // namespace

void print_wan_table(const Cell& cell, const WanPath& path, const std::vector<Pooled>& best) {
    const double ideal = ideal_ms(path, cell.peers, cell.bytes),
                 iperf = iperf_ms(path, cell.peers, cell.bytes);
    fmt::print("\n{} peers, {}, {}, loss {:g} %, {:g} Mbit/s, {:g} ms: ideal {:.0f} ms", cell.peers,
               size_text(cell.bytes), path.congestion_control, 100 * path.loss, path.rate_mbit, path.rtt_ms,
               ideal);
    if (iperf > 0)
        fmt::print(", at iperf3's {:.0f} Mbit/s ({} streams) {:.0f} ms", path.iperf_mbit, path.iperf_streams,
                   iperf);
    fmt::print("\n  {:<14} {:<16} {:>9} {:>9} {:>9} {:>7} {:>8} {:>10} {:>7}\n", "", "algorithm", "median ms",
               "min ms", "first ms", "/ideal", "/iperf3", "ping max", "router");
    bool room = true;
    for (const auto& each : best) {
        fmt::print("  {:<14} {:<16} ", each.contender.name(), each.contender.algorithm);
        if (!each.failure.empty()) {
            fmt::print("{}\n", each.failure);
            continue;
        }
        const double typical = 1e3 * median(each.seconds);
        fmt::print("{:>9.1f} {:>9.1f} {:>9.1f} {:>7.2f} {:>8.2f} {:>7.0f} ms {:>6.0f}%{}\n", typical,
                   1e3 * quantile(each.seconds, 0), 1e3 * median(each.first_s), typical / ideal,
                   iperf > 0 ? typical / iperf : 0, each.rtt_max_ms, 100 * each.router_share,
                   has_headroom(path, each) ? "" : " (!)");
        room = room && has_headroom(path, each);
    }
    const Pooled* other = best_other(best);
    for (const auto& each : best)
        if (other && each.contender.is_ours() && each.failure.empty())
            fmt::print("  {} takes {:.2f} times the median of the best other, {}\n", each.contender.name(),
                       ratio_to_other(each, other), named(*other));
    if (!room)
        fmt::print(
            "  (!) the emulator had no headroom: this is the machine, not the network; try --rate 300mbit\n");
    std::fflush(stdout);
}

void print_wan_json(const Cell& cell, const WanPath& path, const std::vector<Pooled>& best) {
    const double ideal = ideal_ms(path, cell.peers, cell.bytes),
                 iperf = iperf_ms(path, cell.peers, cell.bytes);
    const Pooled* other = best_other(best);
    const std::string where =
        fmt::format(R"("mode": "wan", "rtt_ms": {:g}, "rate_mbit": {:g}, "loss": {:g}, "iperf_mbit": {:g}, )"
                    R"("iperf_streams": {}, "ideal_ms": {:.1f})",
                    path.rtt_ms, path.rate_mbit, path.loss, path.iperf_mbit, path.iperf_streams, ideal);
    for (const auto& each : best) {
        if (!each.failure.empty()) {
            fmt::print(
                R"({{"bench": "peers", "impl": "{}", "algorithm": "{}", "security": "{}", "cc": "{}", )"
                R"("n": {}, "bytes": {}, {}, "failed": "{}"}})",
                each.contender.implementation, each.contender.algorithm, each.contender.security,
                path.congestion_control, cell.peers, cell.bytes, where, without_quotes(each.failure));
            fmt::print("\n");
            continue;
        }
        const double typical = 1e3 * median(each.seconds);
        fmt::print(
            R"({{{}, {}, "first_ms": {:.1f}, "ratio_ideal": {:.3f}, "ratio_iperf": {:.3f}, )"
            R"("ratio_other": {:.3f}, "ping_max_ms": {:.1f}, "router_share": {:.3f}, "headroom": {}}})",
            json_fields(cell, path.congestion_control, each), where, 1e3 * median(each.first_s),
            typical / ideal, iperf > 0 ? typical / iperf : 0, ratio_to_other(each, other), each.rtt_max_ms,
            each.router_share, has_headroom(path, each));
        fmt::print("\n");
    }
    std::fflush(stdout);
}

}  // namespace stress
