// Buffers are larger than the caches, walked in chunks as an all-reduce walks them; the best of a few passes
// counts.
#include "stress/peers/rates.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace stress {
namespace {

constexpr size_t kBytes = 64 << 20;
constexpr size_t kChunk = 256 << 10;
constexpr size_t kRecord = 16 << 10;
constexpr int kPasses = 4;

double thread_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Least CPU time of a pass over kBytes, for each GB. pass(offset) treats one chunk.
double per_gb(const std::function<void(size_t)>& pass) {
    double best = 1e9;
    for (int i = 0; i < kPasses; ++i) {
        const double begun = thread_seconds();
        for (size_t at = 0; at < kBytes; at += kChunk) pass(at);
        best = std::min(best, thread_seconds() - begun);
    }
    return best / (kBytes / 1e9);
}

double add_rate(std::vector<float>& sums, const std::vector<float>& terms) {
    return per_gb([&](size_t at) {
        float* const sum = sums.data() + at / sizeof(float);
        for (size_t i = 0; i < kChunk / sizeof(float); ++i) sum[i] += terms[i];
    });
}

struct Connected {
    int ends[2] = {-1, -1};
    Connected() {
        const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const bool made = bind(listener, generic, size) == 0 && listen(listener, 1) == 0 &&
                          getsockname(listener, generic, &size) == 0 && connect(ends[0], generic, size) == 0;
        if (made) ends[1] = accept(listener, nullptr, nullptr);
        close(listener);
        if (ends[1] < 0) throw std::runtime_error("no loopback connection");
        for (const int end : ends) setsockopt(end, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
    }
    ~Connected() {
        for (const int end : ends) close(end);
    }
};

double tcp_rate(std::vector<char>& from, std::vector<char>& to) {
    const Connected connected;
    const auto move = [](auto call, int end, char* bytes) {
        for (size_t at = 0; at < kBytes;) {
            const ssize_t moved = call(end, bytes + at, std::min(kChunk, kBytes - at));
            if (moved <= 0) throw std::runtime_error("the loopback connection broke");
            at += static_cast<size_t>(moved);
        }
    };
    double received = 0;
    std::thread receiver([&] {
        const double begun = thread_seconds();
        for (int i = 0; i < kPasses; ++i) move(::read, connected.ends[1], to.data());
        received = thread_seconds() - begun;
    });
    const double begun = thread_seconds();
    for (int i = 0; i < kPasses; ++i) move(::write, connected.ends[0], from.data());
    const double sent = thread_seconds() - begun;
    receiver.join();
    return (sent + received) / (kPasses * (kBytes / 1e9));
}

double cipher_rate(std::vector<char>& memory) {
    const std::vector<unsigned char> key(32, 1), nonce(12, 2);
    std::vector<unsigned char> record(kRecord);
    double total = 0;
    for (const int seals : {1, 0}) {
        EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
        EVP_CipherInit_ex(context, EVP_aes_256_gcm(), nullptr, key.data(), nonce.data(), seals);
        total += per_gb([&](size_t at) {
            for (size_t offset = 0; offset < kChunk; offset += kRecord) {
                int count = 0;
                EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, nonce.data(), -1);
                auto* const from = reinterpret_cast<unsigned char*>(memory.data()) + at + offset;
                EVP_CipherUpdate(context, record.data(), &count, from, kRecord);
            }
        });
        EVP_CIPHER_CTX_free(context);
    }
    return total;
}

// GB that all peers together send.
double moved_gb(const Cell& cell) { return 2.0 * static_cast<double>((cell.peers - 1) * cell.bytes) / 1e9; }

double on_all_cores(double cpu_seconds, const Cell& cell) {
    const auto cores = std::max(1u, std::thread::hardware_concurrency());
    return cpu_seconds / static_cast<double>(std::min<uint64_t>(cores, cell.peers));
}

}  // namespace

Rates measure_rates() {
    std::vector<char> cold(kBytes, 1), other(kBytes, 2), hot(kChunk, 3);
    std::vector<float> sums(kBytes / sizeof(float), 1), terms(kChunk / sizeof(float), 2);
    Rates rates;
    rates.copy_out = per_gb([&](size_t at) { std::memcpy(hot.data(), cold.data() + at, kChunk); });
    rates.copy_in = per_gb([&](size_t at) { std::memcpy(other.data() + at, hot.data(), kChunk); });
    rates.add = add_rate(sums, terms);
    rates.tcp = tcp_rate(cold, other);
    rates.cipher = cipher_rate(cold);
    return rates;
}

double cipher_seconds(const Rates& rates, const Cell& cell) {
    return on_all_cores(moved_gb(cell) * rates.cipher, cell);
}

double bound_seconds(const Rates& rates, const Contender& contender, const Cell& cell) {
    const bool by_memory = contender.implementation == "whimbrel";
    const double path = by_memory ? rates.copy_out + rates.copy_in : rates.tcp;
    const double plain = on_all_cores(moved_gb(cell) * (path + rates.add / 2), cell);
    return contender.security == "tls" ? plain + cipher_seconds(rates, cell) : plain;
}

}  // namespace stress
