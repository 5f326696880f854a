// One epoll loop that sleeps until a packet comes or is due.
#include "stress/wan/router.h"

#include <sys/epoll.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "stress/wan/control.h"

namespace stress::wan {
namespace {

constexpr int kReadsInARow = 32;  // of one host, before what is due is looked at again
constexpr size_t kWokenMax = 2 * kHostsMax;

// While packets are on their way nothing is done more often than this: a waking costs more than a packet, and
// what came or is due meanwhile is done in one go. Makes the delay about half a tick longer.
constexpr whim::Duration kTick = whim::microseconds(250);

constexpr whim::Duration kWindow = whim::milliseconds(500);  // of the busiest share

double seconds_of(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

whim::Instant clock_now() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return {int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec};
}

timespec timespec_of(int64_t ns) { return {ns / 1'000'000'000, ns % 1'000'000'000}; }

}  // namespace

Router::Router(Topology topology, std::vector<Descriptor> tuns, Descriptor commands)
    : network_(std::move(topology)), tuns_(std::move(tuns)), commands_(std::move(commands)),
      signals_(open_signals()), ready_(epoll_create1(EPOLL_CLOEXEC)), buffer_(kPacketBytesMax),
      now_(clock_now()), zero_at_(now_), window_at_(now_) {
    for (const auto& tun : tuns_) watch(tun.get());
    watch(commands_.get());
    watch(signals_.get());
}

void Router::watch(int descriptor) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    if (epoll_ctl(ready_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0)
        throw Error(std::string("epoll_ctl: ") + std::strerror(errno));
}

void Router::run(int input) {
    if (input >= 0) watch(input);
    while (!stopped_) {
        await();
        deliver();
        for (const int descriptor : woken_) serve(descriptor, input);
        look_at_load();
    }
}

void Router::await() {
    std::array<epoll_event, kWokenMax> events;
    const timespec* patience = nullptr;
    timespec left{};
    if (const auto deadline = network_.deadline()) {
        const timespec earliest = timespec_of((woken_at_ + kTick).ns);
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &earliest, nullptr);
        left = timespec_of(std::max<int64_t>(0, (*deadline - clock_now()).ns));
        patience = &left;
    }
    const int count = epoll_pwait2(ready_.get(), events.data(), kWokenMax, patience, nullptr);
    if (count < 0 && errno != EINTR) throw Error(std::string("epoll_pwait2: ") + std::strerror(errno));
    now_ = woken_at_ = clock_now();
    woken_.clear();
    for (int i = 0; i < count; ++i) woken_.push_back(events[static_cast<size_t>(i)].data.fd);
}

void Router::serve(int descriptor, int input) {
    const auto is = [&](const Descriptor& tun) { return tun.get() == descriptor; };
    const auto tun = std::find_if(tuns_.begin(), tuns_.end(), is);
    if (tun != tuns_.end()) {
        const auto host = static_cast<size_t>(tun - tuns_.begin());
        for (int i = 0; i < kReadsInARow && read_packet(host); ++i) {}
        now_ = clock_now();
        deliver();
    } else if (descriptor == commands_.get()) {
        answer(commands_, [this](const std::string& line) { return command(line); });
    } else if (descriptor == signals_.get()) {
        stopped_ = true;
    } else if (descriptor == input) {
        char nothing[64];
        stopped_ = stopped_ || read(input, nothing, sizeof nothing) <= 0;
    }
}

bool Router::read_packet(size_t host) {
    VnetHeader vnet{};
    const iovec parts[] = {{&vnet, sizeof vnet}, {buffer_.data(), buffer_.size()}};
    const ssize_t got = readv(tuns_[host].get(), parts, 2);
    if (got < static_cast<ssize_t>(sizeof vnet)) return false;
    const size_t bytes = static_cast<size_t>(got) - sizeof vnet;
    if (auto packet = parse(vnet, {buffer_.data(), bytes}, host, tuns_.size()))
        network_.on_packet(std::move(*packet), now_);
    return true;
}

void Router::deliver() {
    while (const auto packet = network_.arrival(now_)) write_packet(*packet);
}

// A packet that the kernel does not take is one that the host has lost, as hosts do.
void Router::write_packet(const Packet& packet) {
    VnetHeader vnet = packet.vnet;
    const auto data = packet.data();
    const iovec parts[] = {{&vnet, sizeof vnet},
                           {const_cast<uint8_t*>(packet.header.data()), packet.header_bytes},
                           {const_cast<uint8_t*>(data.data()), data.size()}};
    [[maybe_unused]] const ssize_t written = writev(tuns_[packet.to].get(), parts, data.empty() ? 2 : 3);
}

void Router::look_at_load() {
    if (now_ - window_at_ < kWindow) return;
    const double cpu_s = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    busiest_share_ = std::max(busiest_share_, (cpu_s - window_cpu_s_) / (now_ - window_at_).seconds());
    window_at_ = now_;
    window_cpu_s_ = cpu_s;
}

std::string Router::command(const std::string& line) {
    const double cpu_s = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    const std::string text =
        carry_out(network_, line, {cpu_s - zero_cpu_s_, (now_ - zero_at_).seconds(), busiest_share_}, now_);
    const auto words = words_of(line);
    if (words.front() == "zero") {
        zero_cpu_s_ = window_cpu_s_ = cpu_s;
        zero_at_ = window_at_ = now_;
        busiest_share_ = 0;
    }
    stopped_ = stopped_ || words.front() == "quit";
    return text;
}

}  // namespace stress::wan
