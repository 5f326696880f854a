// A fixed number of threads that run jobs of ops. What a job touches is lent to it until it is reported done.
// In the order of submission, but encoding comes last: an op encodes as far ahead as windows allow, and
// others wait for what is folded.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/engine.h"

namespace whim::runtime {

class WorkerPool {
public:
    // done: called on a worker after each job, with no lock held.
    WorkerPool(uint32_t threads, std::function<void(uint64_t job_id)> done);
    ~WorkerPool();  // stop()

    void submit(op::Job job);
    void stop();  // waits for the jobs that run, drops those that do not

private:
    void run();

    const std::function<void(uint64_t)> done_;
    std::mutex mu_;
    std::condition_variable ready_;
    std::deque<op::Job> queue_, encoding_;  // guarded by mu_
    bool stopped_ = false;                  // guarded by mu_
    std::vector<std::thread> threads_;
};

}  // namespace whim::runtime
