// What the coordinator is told about links: so many at a time, each in its turn.
#include <algorithm>

#include "engine/impl.h"

namespace whim {
namespace {

uint32_t whole_us(Duration span) {
    return static_cast<uint32_t>(std::clamp<int64_t>(span.ns / 1000, 0, UINT32_MAX));
}

uint32_t parts_per_million(uint64_t part, uint64_t whole) {
    if (whole == 0) return 0;
    const double share = static_cast<double>(part) / static_cast<double>(whole);
    return static_cast<uint32_t>(std::min(share, 1.0) * 1e6);
}

wire::LinkReading reading_of(const MemberId& to, const LinkStats& stats) {
    wire::LinkReading reading;
    reading.to = to.incarnation;
    reading.up = stats.up;
    if (stats.via) reading.via = stats.via->incarnation;
    reading.rtt_min_us = whole_us(stats.rtt_min);
    reading.rtt_smoothed_us = whole_us(stats.rtt_smoothed);
    reading.rate_sent = stats.rate_sent;
    reading.rate_received = stats.rate_received;
    reading.bytes_sent = stats.bytes_sent;
    reading.retransmitted_ppm = parts_per_million(stats.bytes_retransmitted, stats.bytes_sent);
    reading.strands_used = stats.strands_used;
    reading.strands_reason = stats.strands_reason;
    reading.pace = stats.pace;
    reading.pace_reason = stats.pace_reason;
    reading.lossy = stats.lossy;
    return reading;
}

}  // namespace

void Engine::Impl::report_links() {
    if (!member_.link_report_due(now_)) return;
    const std::vector<wire::MemberInfo>& members = member_.view().members;
    std::vector<wire::LinkReading> readings;
    for (size_t seen = 0; seen < members.size() && readings.size() < limits::kLinkReportLinksMax; ++seen) {
        const MemberId& to = members[report_from_++ % members.size()].id;
        const std::optional<LinkStats> stats = endpoint_.stats(to);
        if (!stats) continue;
        readings.push_back(reading_of(to, *stats));
        if (config_.pace_claimed > 0) readings.back().pace = config_.pace_claimed;
    }
    if (readings.empty()) return;
    group::MemberOutbox out;
    member_.report_links(std::move(readings), now_, out);
    run_member(out);
}

}  // namespace whim
