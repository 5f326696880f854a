// A fixed number of threads that run jobs of ops. What a job touches is lent to it until it is reported done.
// In the order of submission, but encoding comes last: an op encodes as far ahead as windows allow, and
// others wait for what is folded.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "transport/asio/driver.h"

namespace whim::runtime {

class WorkerPool final : public Helpers {
public:
    // done: called on a worker after each job, with no lock held; thrown: what the job threw, or null.
    WorkerPool(uint32_t threads, std::function<void(uint64_t job_id, std::exception_ptr thrown)> done);
    ~WorkerPool() override;  // stop()

    void submit(op::Job job);
    // For one thread: workers without jobs help, unless cores are few. What a task throws, share() throws.
    bool free() override;
    void share(size_t count, const std::function<void(size_t)>& task) override;
    void stop();  // waits for the jobs that run, drops those that do not

private:
    using Clock = std::chrono::steady_clock;
    struct Shared {
        const std::function<void(size_t)>& task;
        const size_t count;
        size_t next = 0, running = 0;  // guarded by mu_
        std::exception_ptr thrown{};   // guarded by mu_
    };
    void run();
    void run_next(Shared& shared, std::unique_lock<std::mutex>& lock);

    const std::function<void(uint64_t, std::exception_ptr)> done_;
    std::mutex mu_;
    std::condition_variable ready_;
    std::deque<op::Job> queue_, encoding_;  // guarded by mu_
    Shared* shared_ = nullptr;              // guarded by mu_
    size_t idle_ = 0;                       // guarded by mu_: workers that wait
    bool stopped_ = false;                  // guarded by mu_
    std::condition_variable shared_done_;
    Clock::time_point alone_until_;  // of the sharing thread only, like the next
    uint64_t preempted_ = 0;
    std::vector<std::thread> threads_;
};

}  // namespace whim::runtime
