// The event loop of the simulated world.
#include "tests/sim/world.h"

#include <cstdio>
#include <utility>

namespace whim::sim {
namespace {

// A run that needs more is going in circles without time passing.
constexpr uint64_t kEventsMax = 20'000'000;
constexpr uint64_t kEventsPerInstantMax = 100'000;

}  // namespace

Instant HostClock::local(Instant world) const {
    const __int128 scaled = static_cast<__int128>(world.ns) * (1'000'000 + drift_ppm) / 1'000'000;
    return {offset_ns + static_cast<int64_t>(scaled)};
}

Instant HostClock::world(Instant local_time) const {
    const __int128 scaled =
        static_cast<__int128>(local_time.ns - offset_ns) * 1'000'000 / (1'000'000 + drift_ppm);
    Instant guess{static_cast<int64_t>(scaled)};
    while (local(guess) < local_time) guess.ns += 1;
    return guess;
}

World::World(uint64_t seed, bool trace, bool hash_text)
    : seed_(seed), trace_(trace), hash_text_(hash_text), hash_(mix64(seed)) {}

void World::at(Instant when, std::function<void()> what) {
    queue_.push({when < now_ ? now_ : when, next_number_++, std::move(what)});
}

void World::run_until(Instant until) {
    while (!stopped() && !queue_.empty() && queue_.top().when <= until) {
        // The queue gives out constant references only; the event leaves it before it runs.
        const std::function<void()> what = std::move(const_cast<Event&>(queue_.top()).what);
        events_at_now_ = queue_.top().when == now_ ? events_at_now_ + 1 : 0;
        now_ = queue_.top().when;
        queue_.pop();
        if (++events_ > kEventsMax || events_at_now_ > kEventsPerInstantMax) {
            violate("more events than any run needs: something goes in circles, last at " +
                    (last_stepped_ == kNoHost ? "no host" : names_[last_stepped_]));
        }
        what();
    }
    if (!stopped() && now_ < until) now_ = until;
}

void World::violate(std::string what) {
    if (violation_) return;
    if (tracing()) say(kNoHost, "VIOLATION " + what);
    violation_ = std::move(what);
}

void World::name_host(HostId host, std::string name) {
    if (names_.size() <= host) names_.resize(host + 1);
    names_[host] = std::move(name);
}

void World::say(HostId host, const std::string& text) {
    for (const char c : text) mix(static_cast<unsigned char>(c));
    if (!trace_) return;
    std::printf("%12.6f  %-4s %s\n", static_cast<double>(now_.ns) * 1e-9,
                host == kNoHost ? "--" : names_[host].c_str(), text.c_str());
}

}  // namespace whim::sim
