// TCP_INFO of Linux; another system brings another file.
#include "transport/asio/tcp_info.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstring>
#include <string_view>

namespace whim {
namespace {

// Those that back off in proportion to losses; bbr and its kin look at rate and round trips.
bool loss_based(int descriptor) {
    char name[16] = {};
    socklen_t size = sizeof name;
    if (::getsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, name, &size) != 0) return true;
    return std::string_view(name, strnlen(name, sizeof name)).substr(0, 3) != "bbr";
}

}  // namespace

std::optional<PathSample> path_sample(const tcp_info& info, size_t size, bool loss_based) {
    if (size < offsetof(tcp_info, tcpi_delivered)) return std::nullopt;  // before Linux 4.18
    if (info.tcpi_rtt == 0) return std::nullopt;                         // nothing was acknowledged yet
    PathSample sample;
    const bool min_known = info.tcpi_min_rtt != 0 && info.tcpi_min_rtt != ~0u;
    sample.rtt_smoothed = microseconds(info.tcpi_rtt);
    sample.rtt_min = min_known ? microseconds(info.tcpi_min_rtt) : sample.rtt_smoothed;
    sample.bytes_acked = info.tcpi_bytes_acked + uint64_t{info.tcpi_sacked} * info.tcpi_snd_mss;
    sample.bytes_retransmitted = info.tcpi_bytes_retrans;
    sample.bytes_unsent = info.tcpi_notsent_bytes;
    sample.buffer_limited = microseconds(static_cast<int64_t>(info.tcpi_rwnd_limited) +
                                         static_cast<int64_t>(info.tcpi_sndbuf_limited));
    const int64_t under_way =
        int64_t{info.tcpi_unacked} - info.tcpi_sacked - info.tcpi_lost + info.tcpi_retrans;
    sample.window_full = under_way * 8 >= int64_t{info.tcpi_snd_cwnd} * 7;
    sample.loss_limited = loss_based;
    return sample;
}

std::optional<PathSample> tcp_path_sample(int descriptor) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
    return path_sample(info, size, loss_based(descriptor));
}

}  // namespace whim
