// Two queues, a condition, some threads.
#include "runtime/worker_pool.h"

#include "runtime/system.h"

namespace whim::runtime {

WorkerPool::WorkerPool(uint32_t threads, std::function<void(uint64_t)> done) : done_(std::move(done)) {
    for (uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

WorkerPool::~WorkerPool() { stop(); }

void WorkerPool::submit(op::Job job) {
    const std::lock_guard lock(mu_);
    (job.kind == op::JobKind::encode ? encoding_ : queue_).push_back(std::move(job));
    ready_.notify_one();
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
        ready_.wait(lock, [this] { return stopped_ || !queue_.empty() || !encoding_.empty(); });
        if (stopped_) return;
        std::deque<op::Job>& next = queue_.empty() ? encoding_ : queue_;
        const op::Job job = std::move(next.front());
        next.pop_front();
        lock.unlock();
        op::run_job(job, scratch);
        done_(job.id);
        lock.lock();
    }
}

}  // namespace whim::runtime
