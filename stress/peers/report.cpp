// Medians, spreads, and costs by amount reduced.
#include "stress/peers/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "stress/machine.h"
#include "stress/sizes.h"
#include "stress/statistics.h"

namespace stress {
namespace {

struct Numbers {
    double median_ms, min_ms, p10_ms, p90_ms;
    double algbw;  // GB/s
    double cpu_s;  // for each GiB
    double rss_mib;
};

Numbers numbers_of(const Cell& cell, const Pooled& pooled) {
    const auto ms = [&](double part) { return 1e3 * quantile(pooled.seconds, part); };
    const auto bytes = static_cast<double>(cell.bytes);
    const double gib = bytes * static_cast<double>(pooled.seconds.size()) / 0x1p30;
    return {ms(0.5),
            ms(0),
            ms(0.1),
            ms(0.9),
            bytes / median(pooled.seconds) / 1e9,
            pooled.cpu_s / gib,
            static_cast<double>(pooled.rss_bytes) / 0x1p20};
}

const std::string& congestion_control(const Network& network, const Contender& contender) {
    return contender.is_ours() ? network.of_whimbrel : network.congestion_control;
}

void print_ratios(const std::vector<Pooled>& best) {
    const Pooled* rival = best_other(best);
    if (!rival) return;
    for (const auto& each : best)
        if (each.contender.is_ours() && each.failure.empty())
            std::printf("  %s takes %.2f times the median of the best other, %s (%s)\n",
                        each.contender.name().c_str(), median(each.seconds) / median(rival->seconds),
                        rival->contender.implementation.c_str(), rival->contender.algorithm.c_str());
}

// How far TLS is from the same path without it, and one encryption and decryption of each byte.
void print_tls_ratios(const Cell& cell, const Rates& rates, const std::vector<Pooled>& best) {
    for (const auto& tls : best)
        for (const auto& plain : best)
            if (tls.contender.is_ours() && tls.contender.security == "tls" &&
                plain.contender.implementation == tls.contender.implementation &&
                plain.contender.security == "none")
                std::printf("  %s takes %.2f times %s and the cipher\n", tls.contender.name().c_str(),
                            median(tls.seconds) / (median(plain.seconds) + cipher_seconds(rates, cell)),
                            plain.contender.name().c_str());
}

}  // namespace

const Pooled* best_other(const std::vector<Pooled>& best) {
    const Pooled* rival = nullptr;
    for (const auto& each : best)
        if (!each.contender.is_ours() && each.failure.empty() &&
            (!rival || median(each.seconds) < median(rival->seconds)))
            rival = &each;
    return rival;
}

std::string json_fields(const Cell& cell, const std::string& congestion_control, const Pooled& pooled) {
    const Numbers is = numbers_of(cell, pooled);
    return fmt::format(
        R"("bench": "peers", "impl": "{}", "algorithm": "{}", "security": "{}", "cc": "{}", "n": {}, )"
        R"("bytes": {}, "dtype": "f32", "codec": "none", "median_ms": {:.4f}, "min_ms": {:.4f}, )"
        R"("p10_ms": {:.4f}, "p90_ms": {:.4f}, "algbw": {:.4f}, "cpu_s": {:.4f}, "rss_mib": {:.1f}, )"
        R"("checked": true, "commit": "{}", "machine": "{}")",
        pooled.contender.implementation, pooled.contender.algorithm, pooled.contender.security,
        congestion_control, cell.peers, cell.bytes, is.median_ms, is.min_ms, is.p10_ms, is.p90_ms, is.algbw,
        is.cpu_s, is.rss_mib, commit(), machine());
}

void print_rates(const Rates& rates) {
    std::printf(
        "CPU s/GB: copy %.3f out of memory and %.3f into it, add %.3f, TCP %.3f, encrypt and decrypt %.3f\n",
        rates.copy_out, rates.copy_in, rates.add, rates.tcp, rates.cipher);
}

void print_table(const Cell& cell, const Network& network, const Rates& rates,
                 const std::vector<Pooled>& best) {
    std::printf("\n%llu peers, %s, %s%s\n", static_cast<unsigned long long>(cell.peers),
                size_text(cell.bytes).c_str(), network.congestion_control.c_str(),
                cell.pinned ? ", each process of every contender kept to one core" : "");
    std::printf("  %-18s %-16s %9s %9s %19s %7s %9s %8s %8s %7s\n", "", "algorithm", "median ms", "min ms",
                "p10..p90 ms", "GB/s", "CPU s/GiB", "RSS +MiB", "bound ms", "x bound");
    for (const auto& each : best) {
        if (!each.failure.empty()) continue;
        const Numbers is = numbers_of(cell, each);
        const double bound_ms = 1e3 * bound_seconds(rates, each.contender, cell);
        char spread[48];
        std::snprintf(spread, sizeof spread, "%.3f..%.3f", is.p10_ms, is.p90_ms);
        std::printf("  %-18s %-16s %9.3f %9.3f %19s %7.3f %9.3f %8.1f %8.3f %7.2f\n",
                    each.contender.name().c_str(), each.contender.algorithm.c_str(), is.median_ms, is.min_ms,
                    spread, is.algbw, is.cpu_s, is.rss_mib, bound_ms, is.median_ms / bound_ms);
    }
    print_ratios(best);
    print_tls_ratios(cell, rates, best);
    std::fflush(stdout);
}

void print_json(const Cell& cell, const Network& network, const Rates& rates,
                const std::vector<Pooled>& best) {
    for (const auto& each : best)
        if (each.failure.empty())
            std::printf("{%s, \"pinned\": %s, \"bound_ms\": %.4f}\n",
                        json_fields(cell, congestion_control(network, each.contender), each).c_str(),
                        cell.pinned ? "true" : "false", 1e3 * bound_seconds(rates, each.contender, cell));
    std::fflush(stdout);
}

}  // namespace stress
