// The simulated world: virtual time, a queue of events, hosts with clocks of their own, one seed.
//
// Everything that happens is an event; events of one instant happen in the order in which they were
// scheduled. Nothing here or above reads a real clock or takes chance from anywhere but Prng, so a seed is a
// whole run.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/prng.h"
#include "base/time.h"

namespace whim::sim {

using HostId = uint32_t;  // peers first, coordinators after them
inline constexpr HostId kNoHost = UINT32_MAX;

// What one host's monotonic clock shows: its own zero and its own rate.
struct HostClock {
    int64_t offset_ns = 0;
    int32_t drift_ppm = 0;  // up to 5000, which is 0.5 %
    Instant local(Instant world) const;
    Instant world(Instant local) const;  // the first world instant at which local() has come
};

class World {
public:
    World(uint64_t seed, bool trace, bool hash_text);

    uint64_t seed() const { return seed_; }
    Instant now() const { return now_; }
    // An independent stream of chance for one purpose: drawing more from one does not change another.
    Prng stream(uint64_t purpose) const { return Prng(mix64(seed_ ^ mix64(purpose))); }

    void at(Instant when, std::function<void()> what);
    void after(Duration delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }
    // Runs events until the queue is empty, until has passed, or stop() or violate() was called.
    void run_until(Instant until);
    void stop() { stopped_ = true; }
    bool stopped() const { return stopped_ || violation_.has_value(); }
    uint64_t events() const { return events_; }

    // The first thing that must not be. Ends the run after the current event.
    void violate(std::string what);
    const std::optional<std::string>& violation() const { return violation_; }

    // One line of the readable trace; also part of the hash that shows that a seed is one run.
    template <class... Args> void trace(HostId host, fmt::format_string<Args...> format, Args&&... args) {
        mix(static_cast<uint64_t>(now_.ns) ^ host);
        if (trace_ || hash_text_) say(host, fmt::format(format, std::forward<Args>(args)...));
    }
    void stepping(HostId host) { last_stepped_ = host; }
    bool tracing() const { return trace_ || hash_text_; }
    void mix(uint64_t value) { hash_ = mix64(hash_ ^ value); }
    uint64_t hash() const { return hash_; }
    void name_host(HostId host, std::string name);
    const std::string& host_name(HostId host) const { return names_[host]; }

private:
    struct Event {
        Instant when;
        uint64_t number = 0;
        std::function<void()> what;
    };
    struct Later {
        bool operator()(const Event& a, const Event& b) const {
            return a.when != b.when ? a.when > b.when : a.number > b.number;
        }
    };
    void say(HostId host, const std::string& text);

    const uint64_t seed_;
    const bool trace_, hash_text_;
    Instant now_{};
    uint64_t next_number_ = 0, events_ = 0, events_at_now_ = 0, hash_ = 0;
    std::priority_queue<Event, std::vector<Event>, Later> queue_;
    std::vector<std::string> names_;
    std::optional<std::string> violation_;
    bool stopped_ = false;
    HostId last_stepped_ = kNoHost;
};

}  // namespace whim::sim
