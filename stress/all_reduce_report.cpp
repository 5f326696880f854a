// Medians over sums of bytes.
#include "all_reduce_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "machine.h"
#include "sizes.h"
#include "statistics.h"

namespace stress {
namespace {

constexpr double kMiB = 1 << 20;

double busbw_share(const AllReduceRun& run) {
    const auto n = static_cast<double>(run.peers);
    return 2 * (n - 1) / n;
}

double spread_s(const std::vector<double>& seconds) { return quantile(seconds, 1) - quantile(seconds, 0); }

double cpu_s(const AllReduceRow& row) {
    return row.figures.totals.cpu_s / static_cast<double>(row.run.iterations);
}

}  // namespace

double AllReduceRow::ideal_s() const {
    if (!wan) return 0;
    const double others = static_cast<double>(run.peers - 1) / static_cast<double>(run.peers);
    const CodedResult& result = figures.result;
    const double bytes =
        others * (result.sent_share + result.returned_share) * static_cast<double>(run.bytes);
    return line_ms(wan->path, bytes) / 1e3;
}

double AllReduceRow::rss_above_bytes() const {
    return std::max(0.0,
                    static_cast<double>(figures.totals.rss_max_bytes) - 2.0 * static_cast<double>(run.bytes));
}

void print_head(const AllReduceRun& run, const std::optional<OnWan>& wan) {
    fmt::print("all-reduce of {} {}, {} peers, security {}", run.dtype, run.reduce, run.peers, run.security);
    if (wan)
        fmt::print(", {:g} Mbit/s, {:g} ms, loss {:g} %, {}", wan->path.rate_mbit, wan->path.rtt_ms,
                   100 * wan->path.loss, wan->path.congestion_control);
    fmt::print("\n{:<14} {:>9} {:>10} {:>10} {:>10} {:>10} {:>7} {:>6} {:>7} {:>9} {:>9} {:>9}\n", "codec",
               "size", "median ms", "min ms", "spread ms", "ideal ms", "/ideal", "f32/it", "CPU s",
               "above MiB", "error", "predicted");
}

void print_row(const AllReduceRow& row) {
    const std::vector<double>& seconds = row.figures.totals.seconds;
    const double typical = median(seconds), ideal = row.ideal_s();
    fmt::print("{:<14} {:>9} {:>10.2f} {:>10.2f} {:>10.2f} ", row.run.codec, size_text(row.run.bytes),
               typical * 1e3, quantile(seconds, 0) * 1e3, spread_s(seconds) * 1e3);
    if (ideal > 0) fmt::print("{:>10.2f} {:>7.2f} ", ideal * 1e3, typical / ideal);
    else fmt::print("{:>10} {:>7} ", "", "");
    if (row.f32_s > 0) fmt::print("{:>6.2f} ", row.f32_s / typical);
    else fmt::print("{:>6} ", "");
    fmt::print("{:>7.2f} {:>9.1f} ", cpu_s(row), row.rss_above_bytes() / kMiB);
    if (row.run.codec != "none" && !row.run.last_is_late)
        fmt::print("{:>9.2e} {:>9.2e}", row.figures.result.error_rms, row.figures.result.predicted_rms);
    if (row.run.last_is_late)
        fmt::print("  late one's share {:.3f}, {} the result", row.figures.late_share,
                   row.figures.late_has_result ? "it has" : "without");
    if (row.wan && row.wan->router_share >= kRouterShareMax)
        fmt::print("  (!) emulator {:.0f} % of a core: try --rate 300mbit", 100 * row.wan->router_share);
    fmt::print("{}\n", row.run.check ? "" : "  not checked");
    std::fflush(stdout);
}

void print_json(const AllReduceRow& row) {
    const AllReduceRun& run = row.run;
    const Totals& totals = row.figures.totals;
    const double typical = median(totals.seconds), ideal = row.ideal_s();
    const double algbw = static_cast<double>(run.bytes) / typical / 1e9;
    fmt::print(
        R"({{"bench": "all_reduce", "peers": {}, "bytes": {}, "dtype": "{}", "reduce": "{}", "codec": "{}", )"
        R"("security": "{}", "iters": {}, "median_s": {:.6f}, "min_s": {:.6f}, "spread_s": {:.6f}, )"
        R"("first_s": {:.6f}, "algbw_gb_s": {:.4f}, "busbw_gb_s": {:.4f}, "cpu_s": {:.4f}, )"
        R"("rss_bytes_sum": {}, "rss_above_bytes": {:.0f}, )",
        run.peers, run.bytes, run.dtype, run.reduce, run.codec, run.security, run.iterations, typical,
        quantile(totals.seconds, 0), spread_s(totals.seconds), totals.first_s, algbw,
        algbw * busbw_share(run), cpu_s(row), totals.rss_sum_bytes, row.rss_above_bytes());
    if (row.wan)
        fmt::print(R"("rate_mbit": {:g}, "rtt_ms": {:g}, "loss": {:g}, "cc": "{}", "router_share": {:.3f}, )"
                   R"("ideal_s": {:.6f}, "ratio_ideal": {:.3f}, )",
                   row.wan->path.rate_mbit, row.wan->path.rtt_ms, row.wan->path.loss,
                   row.wan->path.congestion_control, row.wan->router_share, ideal, typical / ideal);
    if (row.f32_s > 0) fmt::print(R"("ratio_f32": {:.3f}, )", row.f32_s / typical);
    if (run.codec != "none" && !run.last_is_late)
        fmt::print(R"("error_rms": {:.4e}, "predicted_rms": {:.4e}, )", row.figures.result.error_rms,
                   row.figures.result.predicted_rms);
    if (run.last_is_late)
        fmt::print(R"("min_contributors": {}, "grace_ms": {}, "late_share": {:.4f}, "late_has_result": {}, )",
                   run.min_contributors, run.grace_ms, row.figures.late_share, row.figures.late_has_result);
    fmt::print(R"("checked": {}, "commit": "{}", "machine": "{}"}})", run.check, commit(), machine());
    fmt::print("\n");
    std::fflush(stdout);
}

void print_tensors(const AllReduceRun& run, const AllReduceFigures& figures, bool json) {
    const std::vector<double>& seconds = figures.totals.seconds;
    std::vector<double> whole, tensors, ratios;
    for (size_t i = 0; i + 1 < seconds.size(); i += 2) {
        whole.push_back(seconds[i]);
        tensors.push_back(seconds[i + 1]);
        ratios.push_back(seconds[i + 1] / seconds[i]);
    }
    const double cpu_ratio = figures.cpu_tensors_s / figures.cpu_whole_s;
    if (json) {
        fmt::print(
            R"({{"bench": "all_reduce_tensors", "peers": {}, "bytes": {}, "codec": "{}", "security": "{}", )"
            R"("tensors": {}, "cut": "{}", "one_s": {:.6f}, "tensors_s": {:.6f}, "ratio": {:.4f}, )"
            R"("ratio_low": {:.4f}, "ratio_high": {:.4f}, "ratio_cpu": {:.4f}}})"
            "\n",
            run.peers, run.bytes, run.codec, run.security, run.tensors, run.cut, median(whole),
            median(tensors), median(ratios), quantile(ratios, 0.25), quantile(ratios, 0.75), cpu_ratio);
    } else {
        fmt::print(
            "{} peers, {}, codec {}, security {}, {} {} tensors over one buffer: {:.1f} ms to {:.1f} ms, "
            "median of neighbours {:.3f} (quartiles {:.3f} to {:.3f}), CPU {:.3f}\n",
            run.peers, size_text(run.bytes), run.codec, run.security, run.tensors, run.cut,
            1e3 * median(tensors), 1e3 * median(whole), median(ratios), quantile(ratios, 0.25),
            quantile(ratios, 0.75), cpu_ratio);
    }
    std::fflush(stdout);
}

}  // namespace stress
