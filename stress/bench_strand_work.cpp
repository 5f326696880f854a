// bench strand-work: how fast one process sends bulk over TLS, and what its I/O thread does for each GB, with
// nobody to help it and with workers that take turns of strands over.
//
// Sender and receiver are processes on loopback. Where cores are as few as processes, a receiver that
// decrypts keeps the core busy that a worker would need. So there is another one, "cheap": the sender
// encrypts as ever and sends what it did not encrypt, and the receiver only copies.
#include <openssl/evp.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include "base/assert.h"
#include "runtime/worker_pool.h"
#include "stress/machine.h"
#include "stress/options.h"
#include "stress/statistics.h"
#include "transport/asio/driver.h"
#include "transport/asio/identity_file.h"
#include "transport/session/byte_queue.h"
#include "transport/session/tls_channel.h"

namespace {

using namespace whim;
using stress::Options;

constexpr uint32_t kFrameBytes = 1 << 20;
constexpr size_t kRecordBytes = 16 << 10;

double seconds_of(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Names itself, then pays for encryption as TLS does and sends the bytes as they were.
class CheapToRead final : public SecureChannel {
public:
    CheapToRead(const PeerId& self, ChannelFactory::Side side) : self_(self), cipher_(EVP_CIPHER_CTX_new()) {
        const std::array<unsigned char, 16> key{};
        EVP_EncryptInit_ex(cipher_, EVP_aes_128_gcm(), nullptr, key.data(), nullptr);
        if (side == ChannelFactory::Side::dialer) introduce();
    }
    ~CheapToRead() override { EVP_CIPHER_CTX_free(cipher_); }
    Status feed(ByteSpan from_network) override {
        in_ = from_network;
        while (heard_ < remote_.bytes.size() && !in_.empty()) {
            remote_.bytes[heard_++] = static_cast<uint8_t>(in_.front());
            in_ = in_.subspan(1);
        }
        if (!introduced_ && established_there()) introduce();
        return {};
    }
    Result<size_t> read(MutableByteSpan plain) override {
        const size_t count = std::min(plain.size(), in_.size());
        std::memcpy(plain.data(), in_.data(), count);
        in_ = in_.subspan(count);
        return count;
    }
    Result<size_t> write(ByteSpan plain) override {
        const size_t count = std::min(plain.size(), kRecordBytes);
        if (count == 0) return count;
        const auto* from = reinterpret_cast<const unsigned char*>(plain.data());
        std::array<unsigned char, 12> nonce{};
        std::memcpy(nonce.data(), &records_, sizeof records_);
        ++records_;
        int bytes = 0;
        EVP_EncryptInit_ex(cipher_, nullptr, nullptr, nullptr, nonce.data());
        EVP_EncryptUpdate(cipher_, record_.data(), &bytes, from, static_cast<int>(count));
        EVP_EncryptFinal_ex(cipher_, record_.data() + bytes, &bytes);
        out_.append(plain.first(count));
        return count;
    }
    ByteSpan to_network() const override { return out_.front(); }
    void sent(size_t bytes) override { out_.drop(bytes); }
    bool established() const override { return introduced_ && established_there(); }
    std::optional<PeerId> remote_id() const override { return remote_; }

private:
    bool established_there() const { return heard_ == remote_.bytes.size(); }
    void introduce() {
        introduced_ = true;
        out_.append(std::as_bytes(std::span(self_.bytes)));
    }
    const PeerId self_;
    EVP_CIPHER_CTX* const cipher_;
    PeerId remote_;
    size_t heard_ = 0;
    bool introduced_ = false;
    ByteSpan in_;
    ByteQueue out_;
    uint64_t records_ = 0;
    std::array<unsigned char, kRecordBytes + 16> record_{};
};

class CheapChannels final : public ChannelFactory {
public:
    explicit CheapChannels(const PeerId& self) : self_(self) {}
    std::unique_ptr<SecureChannel> make(Side side) override {
        return std::make_unique<CheapToRead>(self_, side);
    }

private:
    const PeerId self_;
};

// One end; its I/O thread is the one that calls run().
class End final : public EndpointOwner {
public:
    End(const Identity& identity, bool cheap, uint32_t strands, uint32_t workers)
        : id_(identity.id()), strands_(strands), memory_(64 * size_t{kFrameBytes}),
          pool_(std::max(workers, 1u), [](uint64_t, std::exception_ptr) {}) {
        if (cheap) channels_ = std::make_unique<CheapChannels>(id_);
        else channels_ = std::move(TlsChannelFactory::create(identity).value());
        endpoint_.emplace(EndpointConfig{id_, "bench", AsioDriver::now().ns * 1ull, false}, channels_.get(),
                          *this, driver_);
        if (workers > 0) driver_.share_work(pool_);
        driver_.attach(*endpoint_);
    }
    Address listen() { return driver_.listen({"127.0.0.1", 0}).value(); }
    void run() { io_.run(); }
    LinkKey key() const { return {id_, {1}}; }

    void receive(uint64_t frames) { expected_ = frames; }
    // Called once, when all has arrived.
    void send(const LinkKey& to, const Address& at, uint64_t frames, std::function<void()> done) {
        to_ = to;
        left_ = frames;
        done_ = std::move(done);
        LinkOptions options = link_options();
        options.addresses = {at};
        asio::post(io_, [this, options] {
            endpoint_->open_link(to_, options, AsioDriver::now());
            driver_.poke();
        });
    }
    double begun() const { return begun_; }
    double cpu_begun() const { return cpu_begun_; }
    void stop() { io_.stop(); }

    bool accept_link(const LinkKey& from, Instant now) override {
        LinkOptions options = link_options();
        options.dial = false;
        endpoint_->open_link(from, options, now);
        return true;
    }
    // After the strands had time to come up.
    void link_up(const LinkKey&, LinkSession, Instant) override {
        if (!done_) return;
        timer_.expires_after(std::chrono::milliseconds(200));
        timer_.async_wait([this](const asio::error_code&) {
            begun_ = seconds_of(CLOCK_MONOTONIC), cpu_begun_ = seconds_of(CLOCK_THREAD_CPUTIME_ID);
            more();
            driver_.poke();
        });
    }
    void link_down(const LinkKey&, LinkDownKind, const std::string& detail, Instant) override {
        if (done_) std::fprintf(stderr, "link down: %s\n", detail.c_str());
    }
    void message(const LinkKey&, ByteSpan, Instant) override { done_(); }
    BulkSink bulk_begin(const LinkKey&, ByteSpan, uint32_t payload_bytes) override {
        ++tokens_;
        return {MutableByteSpan(memory_).subspan(tokens_ % 64 * kFrameBytes, payload_bytes), tokens_};
    }
    void bulk_end(const LinkKey& from, uint64_t, bool, Instant now) override {
        if (--expected_ == 0) endpoint_->send_message(from, Bytes(1), now);
    }
    std::optional<ByteSpan> bulk_pin(const LinkKey&, const BulkFrame& frame) override {
        return ByteSpan(memory_).subspan(frame.cookie % 64 * kFrameBytes, kFrameBytes);
    }
    void bulk_unpin(const LinkKey&, const BulkFrame&) override {
        --queued_;
        more();
    }

private:
    LinkOptions link_options() const {
        LinkOptions options;
        options.bulk_strands = strands_;
        options.local_instance = {1};
        return options;
    }
    void more() {
        for (; left_ > 0 && queued_ < 64; --left_, ++queued_)
            endpoint_->send_bulk(to_, {Bytes(8), kFrameBytes, left_}, AsioDriver::now());
    }

    const PeerId id_;
    const uint32_t strands_;
    Bytes memory_;
    LinkKey to_;
    uint64_t left_ = 0, queued_ = 0, expected_ = 0, tokens_ = 0;
    double begun_ = 0, cpu_begun_ = 0;
    std::function<void()> done_;
    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard_{io_.get_executor()};
    asio::steady_timer timer_{io_};
    std::unique_ptr<ChannelFactory> channels_;
    runtime::WorkerPool pool_;  // of one that is never asked, where there are none: other threads cost a bit
    AsioDriver driver_{io_};
    std::optional<Endpoint> endpoint_;
};

struct Setup {
    bool cheap = false;
    uint32_t strands = 1, workers = 0;
    uint64_t frames = 0;
};
struct Outcome {
    double gb_per_second = 0, io_seconds_per_gb = 0;
};

Outcome measure(const Setup& setup) {
    const Identity here = generate_identity(), there = generate_identity();
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("pipe");
    const pid_t child = fork();
    if (child == 0) {
        End receiver(there, setup.cheap, setup.strands, 0);
        receiver.receive(setup.frames);
        const uint16_t port = receiver.listen().port;
        if (write(ends[1], &port, sizeof port) != sizeof port) _exit(1);
        receiver.run();
        _exit(0);
    }
    uint16_t port = 0;
    if (read(ends[0], &port, sizeof port) != sizeof port) throw std::runtime_error("the receiver failed");
    Outcome outcome;
    {
        End sender(here, setup.cheap, setup.strands, setup.workers);
        const double gb = static_cast<double>(setup.frames) * kFrameBytes / 1e9;
        sender.send({there.id(), {1}}, {"127.0.0.1", port}, setup.frames, [&] {
            outcome.gb_per_second = gb / (seconds_of(CLOCK_MONOTONIC) - sender.begun());
            outcome.io_seconds_per_gb = (seconds_of(CLOCK_THREAD_CPUTIME_ID) - sender.cpu_begun()) / gb;
            sender.stop();
        });
        sender.run();
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(ends[0]), close(ends[1]);
    return outcome;
}

std::vector<uint32_t> numbers(const std::string& list) {
    std::vector<uint32_t> all;
    for (const std::string& one : stress::split(list)) all.push_back(static_cast<uint32_t>(std::stoul(one)));
    return all;
}

int bench(const Options& options) {
    const uint64_t frames = options.number("mib", 2048);
    const uint64_t iterations = options.number("iters", 5);
    std::vector<Setup> setups;
    for (const bool cheap : {true, false})
        for (const uint32_t strands : numbers(options.text("strands", "1,4")))
            for (const uint32_t workers : numbers(options.text("workers", "0,1")))
                setups.push_back({cheap, strands, workers, frames});
    std::vector<std::vector<double>> rates(setups.size()), io(setups.size());
    for (uint64_t i = 0; i < iterations; ++i) {
        for (size_t s = 0; s < setups.size(); ++s) {
            const Outcome outcome = measure(setups[s]);
            rates[s].push_back(outcome.gb_per_second), io[s].push_back(outcome.io_seconds_per_gb);
        }
    }
    std::printf("%s, %s; %llu MiB from one process to another over TLS, median (least to most) of %llu\n",
                stress::machine().c_str(), stress::commit().c_str(), static_cast<unsigned long long>(frames),
                static_cast<unsigned long long>(iterations));
    std::printf("receiver  strands  workers  GB/s                 I/O thread's CPU s/GB\n");
    for (size_t s = 0; s < setups.size(); ++s) {
        std::printf("%-9s %7u  %7u  %.2f (%.2f to %.2f)  %.3f\n", setups[s].cheap ? "cheap" : "decrypts",
                    setups[s].strands, setups[s].workers, stress::median(rates[s]),
                    stress::quantile(rates[s], 0), stress::quantile(rates[s], 1), stress::median(io[s]));
    }
    std::printf("bench strand-work: PASS\n");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return bench(Options(argc, argv, {"mib", "iters", "strands", "workers"}));
    } catch (const std::exception& problem) {
        std::printf(
            "usage: ./run bench strand-work [--mib 2048] [--strands 1,4] [--workers 0,1] [--iters 5]\n"
            "bench strand-work: FAIL %s\n",
            problem.what());
        return 1;
    }
}
