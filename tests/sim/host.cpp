// Stepping a process, and everything that keeps it from being stepped.
#include "tests/sim/host.h"

#include "base/assert.h"

namespace whim::sim {

Host::Host(World& world, HostId id, std::string name, HostClock clock)
    : world_(world), id_(id), clock_(clock), prng_(world.stream(0x40057000 + id)) {
    world.name_host(id, std::move(name));
}

void Host::start(std::unique_ptr<Process> process) {
    WHIM_ASSERT(!process_);
    process_ = std::move(process);
    life_ += 1;
    timer_.reset();
    steps_left_.reset();
    step(life_, [](Process&, Instant) {});
}

void Host::kill() {
    WHIM_ASSERT(!stepping_);
    life_ += 1;
    frozen_ = false;
    deferred_.clear();
    process_.reset();
}

void Host::step(uint64_t life, Step what) {
    if (life != life_ || !process_) return;
    if (frozen_) {
        deferred_.push_back(std::move(what));
        return;
    }
    if (busy_until_ > world_.now() || stepping_) {
        world_.at(busy_until_, [this, life, what = std::move(what)] { step(life, what); });
        return;
    }
    run(what);
}

void Host::step_after(Duration local_delay, Step what) {
    world_.at(clock_.world(local() + local_delay),
              [this, life = life_, what = std::move(what)] { step(life, what); });
}

void Host::run(const Step& what) {
    stepping_ = true;
    world_.stepping(id_);
    what(*process_, local());
    process_->settle(local());
    stepping_ = false;
    if (step_cost_max_ > Duration{}) {
        busy_until_ = world_.now() + nanoseconds(prng_.between(0, step_cost_max_.ns));
    }
    bool dies = process_->doomed();
    if (steps_left_ && --*steps_left_ == 0) dies = true;
    if (dies) {
        doom_(*this);
        return;
    }
    set_timer();
}

void Host::set_timer() {
    const std::optional<Instant> due = process_->deadline();
    if (!due) return;
    Instant when = clock_.world(*due);
    if (when < world_.now()) when = world_.now();
    if (timer_ && *timer_ <= when) return;
    timer_ = when;
    world_.at(when, [this, life = life_, when] {
        if (life != life_) return;
        step(life, [this, when](Process& process, Instant local_now) {
            if (timer_ == when) timer_.reset();
            const std::optional<Instant> still = process.deadline();
            if (still && *still <= local_now) process.on_deadline(local_now);
        });
    });
}

void Host::freeze() { frozen_ = process_ != nullptr; }

void Host::thaw() {
    if (!frozen_) return;
    frozen_ = false;
    std::deque<Step> deferred = std::move(deferred_);
    deferred_.clear();
    // One event each: whatever else has come meanwhile queues up behind them.
    for (Step& what : deferred) {
        world_.at(world_.now(), [this, life = life_, what = std::move(what)] { step(life, what); });
    }
}

}  // namespace whim::sim
