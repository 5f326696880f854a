// Bytes over rates.
#include "stress/peers/wan_path.h"

namespace stress {
namespace {

constexpr double kTcpShare = 0.965;  // 1448 of 1500 octets
constexpr double kPingSlackMs = 10;  // of the emulator, on a machine that has other things to do

double time_ms(double mbit, double rtt_ms, double bytes) { return bytes * 8 / (mbit * 1e3) + rtt_ms; }

double sent_bytes(uint64_t peers, uint64_t bytes) {
    const auto n = static_cast<double>(peers);
    return 2 * (n - 1) / n * static_cast<double>(bytes);
}

}  // namespace

double line_ms(const WanPath& path, double bytes) {
    return time_ms(kTcpShare * path.rate_mbit, path.rtt_ms, bytes);
}

double ideal_ms(const WanPath& path, uint64_t peers, uint64_t bytes) {
    return line_ms(path, sent_bytes(peers, bytes));
}

double iperf_ms(const WanPath& path, uint64_t peers, uint64_t bytes) {
    return path.iperf_mbit > 0 ? time_ms(path.iperf_mbit, path.rtt_ms, sent_bytes(peers, bytes)) : 0;
}

bool has_headroom(const WanPath& path, double router_share, double ping_max_ms) {
    return router_share < kRouterShareMax && ping_max_ms <= path.rtt_ms + 4 * path.queue_ms + kPingSlackMs;
}

}  // namespace stress
