// One machine: a clock, and at most one process, which it steps, freezes, slows down and lets die.
//
// A process runs only inside step(): one thing happens to it, it performs what that made it want, and its
// timer is set anew. A death is never in the middle of a step; where a process dies between two of its own
// effects it says so by doomed().
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "base/prng.h"
#include "base/time.h"
#include "tests/sim/world.h"
#include "transport/session/endpoint.h"

namespace whim::sim {

class Process {
public:
    virtual ~Process() = default;
    virtual Endpoint& endpoint() = 0;
    virtual void settle(Instant local) = 0;  // performs what the last step asked for
    virtual std::optional<Instant> deadline() const = 0;
    virtual void on_deadline(Instant local) = 0;
    virtual bool doomed() const { return false; }  // it died during the last step
};

class Host {
public:
    // What a step does; the second argument is the host's own time.
    using Step = std::function<void(Process&, Instant)>;

    Host(World& world, HostId id, std::string name, HostClock clock);

    HostId id() const { return id_; }
    Instant local() const { return clock_.local(world_.now()); }
    const HostClock& clock() const { return clock_; }

    void start(std::unique_ptr<Process> process);
    void end() { process_.reset(); }  // of the world: processes go before the network they use
    void kill();                      // the process ends here and now; not inside a step
    bool running() const { return process_ != nullptr; }
    uint64_t life() const { return life_; }  // changes with every start and kill
    Process* process() { return process_.get(); }

    // Takes the step now or as soon as the process may run, unless that life is over by then.
    void step(uint64_t life, Step what);
    void step_after(Duration local_delay, Step what);  // of the current life

    void freeze();
    void thaw();
    bool frozen() const { return frozen_; }
    void slow_down(Duration cost_max) { step_cost_max_ = cost_max; }  // of each step; 0: none
    void die_after_steps(uint64_t steps) { steps_left_ = steps; }
    void spare() { steps_left_.reset(); }
    // Calls for the death of the process, from outside any step; the orchestrator performs it.
    void on_doom(std::function<void(Host&)> doom) { doom_ = std::move(doom); }

private:
    void run(const Step& what);
    void set_timer();

    World& world_;
    const HostId id_;
    const HostClock clock_;
    Prng prng_;
    std::unique_ptr<Process> process_;
    uint64_t life_ = 0;
    bool frozen_ = false, stepping_ = false;
    std::deque<Step> deferred_;  // while frozen
    Duration step_cost_max_{};
    Instant busy_until_{};
    std::optional<Instant> timer_;  // world time of the earliest timer event set
    std::optional<uint64_t> steps_left_;
    std::function<void(Host&)> doom_;
};

}  // namespace whim::sim
