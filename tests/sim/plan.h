// What a seed is: how many peers, which network, which script, and which faults strike when.
//
// A plan is drawn from one profile; profiles exist so that rare coincidences (two deaths in one op, a death
// while the coordinator is away, a living root left out) are common in some seeds. All faults end at calm_at.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "tests/sim/script.h"
#include "tests/sim/world.h"
#include "wire/messages.h"

namespace whim::sim {

#define WHIM_SIM_PROFILES(X)                                                                                 \
    X(quiet, "no fault but limits and latency")                                                              \
    X(one_death, "one peer dies while ops are open")                                                         \
    X(double_death, "two peers die at once, or the second while the first is being mourned")                 \
    X(outage, "a peer dies while the coordinator is away")                                                   \
    X(partition, "hosts cannot hear each other, in one direction or both")                                   \
    X(churn, "peers die, return, leave and join all the time")                                               \
    X(exclusion, "stragglers are left out of ops, live on, and die")                                         \
    X(restart, "peers return with and without their disk")                                                   \
    X(links, "strands are lost, clogged, cut in the middle of frames")                                       \
    X(freeze, "peers and coordinators stop and go on")                                                       \
    X(leaders, "a second coordinator takes over while the first still runs")                                 \
    X(relay, "pairs that cannot connect, and what happens to those that relay between them")                 \
    X(storm, "everything")                                                                                   \
    X(crawl, "one peer's lines carry a small part of what the others' do, and ops have a grace")

enum class Profile : uint8_t {
#define WHIM_X(name, what) name,
    WHIM_SIM_PROFILES(WHIM_X)
#undef WHIM_X
};
inline constexpr uint32_t kProfileCount = 14;
std::string_view profile_name(Profile profile);
std::string_view profile_what(Profile profile);
std::optional<Profile> profile_from(std::string_view name);

#define WHIM_SIM_FAULTS(X)                                                                                   \
    X(kill, "a peer's process dies; returns after `lasts` when it returns at all")                           \
    X(kill_machine, "its machine goes dark")                                                                 \
    X(kill_two, "a and b in the same instant")                                                               \
    X(kill_listener, "whoever has been left out of an op and listens to it")                                 \
    X(kill_mourner, "a, shortly after the next view has been installed")                                     \
    X(freeze, "a peer stops and goes on")                                                                    \
    X(slow, "each of a peer's steps takes a while")                                                          \
    X(cut_strand, "one stream between a and b")                                                              \
    X(cut_host, "nearly all streams of a")                                                                   \
    X(clog, "nothing from a to b for a moment")                                                              \
    X(block_one_way, "nothing from a to b for long")                                                         \
    X(block_both, "nothing between a and b")                                                                 \
    X(isolate, "a from everybody")                                                                           \
    X(cut_pair, "nothing between a and b, in one direction or both, for longer than a pair may be broken")   \
    X(kill_relay, "whoever relays a link dies")                                                              \
    X(freeze_relay, "whoever relays a link stops and goes on")                                               \
    X(cut_relay, "a stream of whoever relays a link, to one of the two")                                     \
    X(coordinator_kill, "returns after lasts, from its journal")                                             \
    X(coordinator_die_between, "the same, between two of its effects")                                       \
    X(coordinator_freeze, "a coordinator stops and goes on")                                                 \
    X(coordinator_takeover, "the other starts while this one is frozen or cut off from some")                \
    X(join, "one more peer")

enum class FaultKind : uint8_t {
#define WHIM_X(name, what) name,
    WHIM_SIM_FAULTS(WHIM_X)
#undef WHIM_X
};
inline constexpr uint32_t kFaultKindCount = 22;
static_assert(static_cast<uint32_t>(FaultKind::join) + 1 == kFaultKindCount);

struct Fault {
    FaultKind kind{};
    // When: at a time, or at the n-th delivery of bytes while an op is open.
    std::optional<Instant> at;
    uint64_t at_activity = 0;
    HostId a = 0, b = 0;
    Duration lasts{};
    bool returns = true;
    bool keeps_disk = true;
    uint64_t steps = 0;  // of a process, before it dies
};

struct Plan {
    Profile profile{};
    uint32_t peers = 3;       // founders
    uint32_t late_peers = 0;  // may be started by FaultKind::join
    uint32_t coordinators = 1;
    uint32_t outbound_only = 0;         // of the founders, the first so many: nobody's dial reaches them
    uint32_t circuit_window_bytes = 0;  // 0: the default
    uint64_t carried_bytes_max = 0;     // 0: the default
    uint32_t part_bytes = 0;            // 0: the default
    uint32_t shared_bytes_min = 0;      // 0: every strand has its turn alone
    bool claims_paces = false;          // peers say what their lines carry: anything, and not always the same
    bool secure = false;
    wire::RunOptions options;
    ScriptStyle style;
    uint32_t chunk_bytes = 64;
    uint64_t window_bytes = 1 << 20, eager_bytes = 64 << 10, eager_large_bytes = 0,
             retain_bytes_max = 64 << 20;
    uint32_t bulk_strands = 1;
    Duration job_delay_max{}, inner_training{};
    Duration delay_min = milliseconds(1), delay_max = milliseconds(20), jitter_max = milliseconds(5);
    uint64_t bytes_per_second_min = 10'000'000;
    uint32_t in_flight_max = 256 << 10, piece_max = 64 << 10;
    int32_t drift_ppm_max = 0;
    // What peers advertise before the address at which they are.
    enum class Decoy : uint8_t { none, nowhere, silence, neighbour } decoy = Decoy::none;
    std::optional<HostId> shut_out;  // a peer that no coordinator can dial
    std::optional<HostId> crawler;   // a peer to and from which little gets through
    uint64_t crawl_bytes_per_second = 0;
    std::vector<Fault> faults;
    Instant calm_at{};
    bool has(FaultKind kind) const;
    bool has_deaths() const;
    uint32_t deaths() const;
};

Plan plan_of(uint64_t seed, std::optional<Profile> profile);

}  // namespace whim::sim
