// Worker processes over a shared page of counters and a pipe for what they find.
#include "tests/sim/sweep.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <ctime>
#include <new>

#include "base/assert.h"

namespace whim::sim {
namespace {

constexpr uint32_t kJobsMax = 64;
constexpr auto kSeedTimeMax = std::chrono::seconds(120);
using Clock = std::chrono::steady_clock;

struct Worker {
    std::atomic<uint64_t> seed;  // in progress; 0: none
    std::atomic<int64_t> since_ns;
    Coverage coverage;
};

struct Shared {
    std::atomic<uint64_t> next;
    std::atomic<uint64_t> violations;
    Worker workers[kJobsMax];
    std::atomic<uint32_t> micros[1];  // by seed, to the end of the mapping
};

int64_t now_ns() { return Clock::now().time_since_epoch().count(); }

// Of this process: what a seed costs does not depend on what else the machine does.
int64_t cpu_ns() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

void say(int pipe, uint64_t seed, const std::string& what) {
    const uint64_t head[2] = {seed, std::min<size_t>(what.size(), 3000)};  // below PIPE_BUF: written at once
    std::string bytes(sizeof head, '\0');
    std::memcpy(bytes.data(), head, sizeof head);
    bytes += what.substr(0, head[1]);
    WHIM_ASSERT(write(pipe, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
}

void work(const SweepOptions& options, Shared& shared, Worker& worker, int pipe) {
    while (shared.violations < options.violations_max) {
        const uint64_t seed = shared.next++;
        if (seed > options.last) return;
        const int64_t began = cpu_ns();
        worker.since_ns = now_ns();
        worker.seed = seed;
        SeedOptions one;
        one.seed = seed;
        one.plant = options.plant;
        one.profile = options.profile;
        one.hash_text = options.twice;
        SeedResult result = run_seed(one);
        shared.micros[seed - options.first] = static_cast<uint32_t>((cpu_ns() - began) / 1000);
        if (options.twice && !result.violation && run_seed(one).hash != result.hash) {
            result.violation = "the same seed gave another trace the second time";
        }
        if (result.violation) {
            shared.violations += 1;
            say(pipe, seed, *result.violation);
        }
        worker.coverage.add(result.plan, result.coverage);
        worker.seed = 0;
    }
}

class Pool {
public:
    Pool(const SweepOptions& options) : options_(options) {
        bytes_ = sizeof(Shared) + sizeof(std::atomic<uint32_t>) * (options.last - options.first + 1);
        void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        WHIM_ASSERT(memory != MAP_FAILED);
        shared_ = new (memory) Shared{};
        shared_->next = options.first;
        WHIM_ASSERT(pipe(pipe_) == 0);
        fcntl(pipe_[0], F_SETFL, O_NONBLOCK);
    }
    ~Pool() {
        close(pipe_[0]);
        close(pipe_[1]);
        munmap(shared_, bytes_);
    }

    SweepResult run() {
        const uint32_t jobs = std::clamp<uint32_t>(options_.jobs, 1, kJobsMax);
        for (uint32_t j = 0; j < jobs; ++j) start(j);
        while (alive_ > 0) {
            pollfd waits{pipe_[0], POLLIN, 0};
            poll(&waits, 1, 100);
            listen();
            reap(jobs);
        }
        listen();
        return conclude(jobs);
    }

private:
    void start(uint32_t j) {
        pids_[j] = fork();
        WHIM_ASSERT(pids_[j] >= 0);
        if (pids_[j] == 0) {
            work(options_, *shared_, shared_->workers[j], pipe_[1]);
            _exit(0);
        }
        alive_ += 1;
    }

    void listen() {
        char buffer[4096];
        for (ssize_t n; (n = read(pipe_[0], buffer, sizeof buffer)) > 0;)
            unread_.append(buffer, static_cast<size_t>(n));
        uint64_t head[2];
        while (unread_.size() >= sizeof head) {
            std::memcpy(head, unread_.data(), sizeof head);
            if (unread_.size() < sizeof head + head[1]) return;
            found({head[0], unread_.substr(sizeof head, head[1])});
            unread_.erase(0, sizeof head + head[1]);
        }
    }

    void reap(uint32_t jobs) {
        for (uint32_t j = 0; j < jobs; ++j) {
            if (pids_[j] == 0) continue;
            Worker& worker = shared_->workers[j];
            const uint64_t seed = worker.seed;
            const bool hangs =
                seed != 0 && now_ns() - worker.since_ns > std::chrono::nanoseconds(kSeedTimeMax).count();
            if (hangs) kill(pids_[j], SIGKILL);
            int status = 0;
            if (waitpid(pids_[j], &status, hangs ? 0 : WNOHANG) != pids_[j]) continue;
            pids_[j] = 0;
            alive_ -= 1;
            if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
            shared_->violations += 1;
            found({seed, hangs ? "the run hangs"
                               : fmt::format("the process died ({}); its last words are above",
                                             WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit")});
            worker.seed = 0;
            if (shared_->violations < options_.violations_max) start(j);
        }
    }

    void found(SeedViolation violation) {
        if (options_.found) options_.found(violation);
        result_.violations.push_back(std::move(violation));
    }

    SweepResult conclude(uint32_t jobs) {
        for (uint32_t j = 0; j < jobs; ++j) result_.coverage.add(shared_->workers[j].coverage);
        std::vector<uint32_t> times;
        for (uint64_t i = 0; i <= options_.last - options_.first; ++i) {
            const uint32_t micros = shared_->micros[i];
            if (micros == 0) continue;
            times.push_back(micros);
            if (micros * 1e-3 <= result_.longest_ms) continue;
            result_.longest_ms = micros * 1e-3;
            result_.longest_seed = options_.first + i;
        }
        if (!times.empty()) {
            std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2),
                             times.end());
            result_.median_ms = times[times.size() / 2] * 1e-3;
        }
        std::sort(result_.violations.begin(), result_.violations.end(),
                  [](const auto& a, const auto& b) { return a.seed < b.seed; });
        return result_;
    }

    const SweepOptions options_;
    size_t bytes_ = 0;
    Shared* shared_ = nullptr;
    int pipe_[2]{};
    pid_t pids_[kJobsMax]{};
    uint32_t alive_ = 0;
    std::string unread_;
    SweepResult result_;
};

}  // namespace

SweepResult sweep(const SweepOptions& options) { return Pool(options).run(); }

}  // namespace whim::sim
