// A queue, a condition, some threads.
#include "runtime/worker_pool.h"

#include "runtime/system.h"

namespace whim::runtime {

WorkerPool::WorkerPool(uint32_t threads, std::function<void(uint64_t)> done) : done_(std::move(done)) {
    for (uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

WorkerPool::~WorkerPool() { stop(); }

void WorkerPool::submit(op::Job job) {
    const std::lock_guard lock(mu_);
    queue_.push_back(std::move(job));
    ready_.notify_one();
}

void WorkerPool::stop() {
    {
        const std::lock_guard lock(mu_);
        stopped_ = true;
        queue_.clear();
        ready_.notify_all();
    }
    for (auto& thread : threads_) thread.join();
    threads_.clear();
}

void WorkerPool::run() {
    begin_thread("whim-worker");
    std::unique_lock lock(mu_);
    for (;;) {
        ready_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
        if (stopped_) return;
        const op::Job job = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        op::run_job(job);
        done_(job.id);
        lock.lock();
    }
}

}  // namespace whim::runtime
