// Two queues, a condition, some threads, and what the I/O thread shares with those that are idle.
#include "runtime/worker_pool.h"

#include <algorithm>

#include "runtime/system.h"

namespace whim::runtime {

namespace {

constexpr int kAlonePerWait = 50;  // a fiftieth of the time may be lost
constexpr std::chrono::milliseconds kAlonePerPreemption(2);
constexpr uint64_t kPreemptionsMax = 10;  // that count, of those since the last look

}  // namespace

WorkerPool::WorkerPool(uint32_t threads, std::function<void(uint64_t, std::exception_ptr)> done)
    : done_(std::move(done)) {
    try {
        for (uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
    } catch (...) {  // such as a limit on threads: those that run hold this object
        stop();
        throw;
    }
}

WorkerPool::~WorkerPool() { stop(); }

void WorkerPool::submit(op::Job job) {
    const std::lock_guard lock(mu_);
    (job.kind == op::JobKind::encode ? encoding_ : queue_).push_back(std::move(job));
    ready_.notify_one();
}

void WorkerPool::run_next(Shared& shared, std::unique_lock<std::mutex>& lock) {
    const size_t index = shared.next++;
    ++shared.running;
    lock.unlock();
    std::exception_ptr thrown;
    try {
        shared.task(index);
    } catch (...) { thrown = std::current_exception(); }
    lock.lock();
    --shared.running;
    if (thrown) shared.thrown = thrown;
}

// Where all cores are busy, whoever helps takes from somebody else, and a helper may be kept from running
// while it holds a task. That shows: this thread has had to give its core up, or has waited long. Then nobody
// helps for some time.
bool WorkerPool::free() {
    const Clock::time_point now = Clock::now();
    const uint64_t before = std::exchange(preempted_, times_preempted());
    const auto times = static_cast<int64_t>(std::min(preempted_ - before, kPreemptionsMax));
    if (times > 0) alone_until_ = std::max(alone_until_, now + times * kAlonePerPreemption);
    if (now < alone_until_) return false;
    const std::lock_guard lock(mu_);
    return idle_ > 0;
}

void WorkerPool::share(size_t count, const std::function<void(size_t)>& task) {
    Shared shared{task, count};
    const Clock::time_point begun = Clock::now();
    std::unique_lock lock(mu_);
    shared_ = &shared;
    for (size_t called = 0; called + 1 < count && called < idle_; ++called) ready_.notify_one();
    while (shared.next < count) run_next(shared, lock);
    shared_ = nullptr;
    if (shared.running > 0) {
        const Clock::time_point through = Clock::now();
        shared_done_.wait(lock, [&] { return shared.running == 0; });
        const Clock::duration waited = Clock::now() - through;
        if (waited > through - begun) alone_until_ = through + kAlonePerWait * waited;
    }
    if (shared.thrown) std::rethrow_exception(shared.thrown);
}

void WorkerPool::stop() {
    {
        const std::lock_guard lock(mu_);
        stopped_ = true;
        queue_.clear();
        encoding_.clear();
        ready_.notify_all();
    }
    for (auto& thread : threads_) thread.join();
    threads_.clear();
}

void WorkerPool::run() {
    begin_thread("whim-worker");
    op::Scratch scratch;
    std::unique_lock lock(mu_);
    for (;;) {
        const auto helps = [this] { return shared_ && shared_->next < shared_->count; };
        ++idle_;
        ready_.wait(lock, [&] { return stopped_ || helps() || !queue_.empty() || !encoding_.empty(); });
        --idle_;
        if (stopped_) return;
        if (helps()) {
            Shared& shared = *shared_;
            run_next(shared, lock);
            if (shared.running == 0) shared_done_.notify_one();
            continue;
        }
        std::deque<op::Job>& next = queue_.empty() ? encoding_ : queue_;
        const op::Job job = std::move(next.front());
        next.pop_front();
        lock.unlock();
        std::exception_ptr thrown;
        try {
            op::run_job(job, scratch);
        } catch (...) { thrown = std::current_exception(); }
        done_(job.id, thrown);
        lock.lock();
    }
}

}  // namespace whim::runtime
