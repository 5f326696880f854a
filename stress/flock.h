// A coordinator and a flock of peers as processes that reduce in rounds, and what the peers report.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "peer.h"
#include "process.h"

namespace stress {

using Clock = std::chrono::steady_clock;

struct FlockSettings {
    uint64_t peers = 4, bytes = 0, seed = 1;
    std::string dtype = "f32", reduce = "avg", security = "tls";
    Places places;  // of the peers; empty: all on loopback
    Place coordinator_place;
};

// Reads --peers, --bytes, --seed, --dtype, --reduce and --security; throws for what makes no sense.
FlockSettings flock_settings(const Options& options, const std::string& bytes);

// How a peer's all-reduce went, by its own report: see round_peer.h.
struct Report {
    Clock::time_point at;  // of its completion
    double took_ms = 0;
    uint64_t gone = 0, partial = 0, resent = 0, refolded = 0, adopted = 0, sets = 0;
    std::map<std::string, uint64_t> elements;  // by contributor
};

// As each link smooths them, looked at often; the worst of all peers.
struct RoundTrips {
    double p99_ms = 0, longest_ms = 0;
};

// All functions throw when something does not go as it must.
class Flock {
public:
    explicit Flock(const FlockSettings& settings);

    size_t size() const { return peers_.size(); }
    Child& peer(size_t i) { return peers_[i].child; }
    const std::string& name(size_t i) const { return peers_[i].name; }
    uint64_t elements() const;
    uint64_t round() const { return round_; }

    // All begin the next round, in which all take part.
    void begin_round();
    void tell(const std::vector<size_t>& who, const std::string& order);
    std::vector<size_t> everyone() const;
    std::vector<size_t> all_but(const std::vector<size_t>& victims) const;

    Report hear_reduced(size_t i);
    // The bytes are right, by each peer's own fold; the same on all; and the round is committed with the
    // votes of all, or, where some may be late, of the others: how many were.
    enum class Late { refused, counted };
    size_t hear_checked(const std::vector<size_t>& who, Late late = Late::refused);
    // A round in which nothing happens: how long the longest call took, in milliseconds.
    double play_undisturbed(Late late = Late::refused);
    uint64_t late_votes() const { return late_votes_; }  // of all rounds played so

    // The round trips of heartbeats on all links of all peers from now until hear_round_trips(), in
    // milliseconds.
    void watch_round_trips() { tell(everyone(), "watch"); }
    RoundTrips hear_round_trips();

    void replace(const std::vector<size_t>& dead);  // by new peers
    void kill_coordinator() { coordinator_.child.kill_hard(); }
    void restart_coordinator();  // on the same disk and port
    void finish();               // all peers end well

private:
    struct Peer {
        Child child;
        std::string name;
    };
    Peer start_peer(size_t place);

    const FlockSettings settings_;
    ScratchDirectory scratch_;
    Coordinator coordinator_;
    std::vector<Peer> peers_;
    uint64_t started_ = 0, trial_ = 0, round_ = 0, late_votes_ = 0;
};

// What every stress program's flock understands on its command line, roles included.
std::set<std::string> flock_options(std::set<std::string> own);

// Runs the role that the options name; nullopt when they name none.
std::optional<int> play_role(const Options& options);

}  // namespace stress
