// Orders to all, answers from each, and the checks that hold in every trial.
#include "flock.h"

#include <algorithm>
#include <numeric>
#include <sstream>
#include <stdexcept>

#include "round_peer.h"
#include "sizes.h"

namespace stress {

FlockSettings flock_settings(const Options& options, const std::string& bytes) {
    FlockSettings s;
    s.peers = options.number("peers", s.peers);
    s.bytes = parse_bytes(options.text("bytes", bytes));
    s.seed = options.number("seed", s.seed);
    s.dtype = options.text("dtype", s.dtype);
    s.reduce = options.text("reduce", s.reduce);
    s.security = options.text("security", s.security);
    if (s.dtype != "f32" && s.dtype != "bf16") throw std::runtime_error("--dtype is f32 or bf16");
    if (s.reduce != "avg" && s.reduce != "sum") throw std::runtime_error("--reduce is avg or sum");
    if (s.bytes < 4) throw std::runtime_error("--bytes: at least 4");
    return s;
}

std::set<std::string> flock_options(std::set<std::string> own) {
    own.insert({"peers", "bytes", "seed", "dtype", "reduce", "security"});
    own.insert({"role", "dir", "invite", "name", "listen", "links"});
    return own;
}

std::optional<int> play_role(const Options& options) {
    const std::string role = options.text("role", "");
    if (role == "coordinator") return coordinator_role(options);
    if (role == "peer") return round_peer_role(options);
    return std::nullopt;
}

Flock::Flock(const FlockSettings& settings)
    : settings_(settings), coordinator_(start_coordinator(scratch_.path(), settings.security, settings.peers,
                                                          settings.coordinator_place)) {
    for (uint64_t i = 0; i < settings.peers; ++i) peers_.push_back(start_peer(i));
    for (auto& peer : peers_) peer.child.expect("joined", Millis(kPatienceMs));
}

Flock::Peer Flock::start_peer(size_t at) {
    const Place place = place_of(settings_.places, at);
    const std::string name = "peer" + std::to_string(++started_);
    return {Child::start({"--role", "peer", "--invite", coordinator_.invite, "--name", name, "--security",
                          settings_.security, "--bytes", std::to_string(settings_.bytes), "--dtype",
                          settings_.dtype, "--reduce", settings_.reduce, "--seed",
                          std::to_string(settings_.seed), "--listen", place.address + ":0"},
                         place),
            name};
}

uint64_t Flock::elements() const { return settings_.bytes / (settings_.dtype == "bf16" ? 2 : 4); }

std::vector<size_t> Flock::everyone() const { return all_but({}); }

std::vector<size_t> Flock::all_but(const std::vector<size_t>& victims) const {
    std::vector<size_t> out;
    for (size_t i = 0; i < peers_.size(); ++i)
        if (std::find(victims.begin(), victims.end(), i) == victims.end()) out.push_back(i);
    return out;
}

void Flock::tell(const std::vector<size_t>& who, const std::string& order) {
    for (const size_t i : who) peers_[i].child.say(order);
}

void Flock::begin_round() {
    tell(everyone(), "round " + std::to_string(trial_++));
    for (auto& peer : peers_) {
        uint64_t world = 0;
        std::istringstream(peer.child.expect("ready", Millis(kPatienceMs))) >> world >> round_;
        if (world != peers_.size())
            throw std::runtime_error("a round of " + std::to_string(world) + " began");
    }
}

Report Flock::hear_reduced(size_t i) {
    Report report;
    int64_t at_ns = 0;
    double ns = 0;
    std::istringstream line(peers_[i].child.expect("reduced", Millis(kPatienceMs)));
    line >> at_ns >> ns >> report.gone >> report.partial >> report.resent >> report.refolded >>
        report.adopted >> report.sets;
    report.at = Clock::time_point(std::chrono::nanoseconds(at_ns));
    report.took_ms = ns / 1e6;
    for (std::string entry; line >> entry;) {
        const size_t equals = entry.find('=');
        report.elements[entry.substr(0, equals)] = std::stoull(entry.substr(equals + 1));
    }
    return report;
}

size_t Flock::hear_checked(const std::vector<size_t>& who, Late late) {
    std::string digest;
    size_t late_votes = 0;
    for (const size_t i : who) {
        std::string own, wrong;
        std::string verdict;
        const std::string line = peers_[i].child.hear(Millis(kPatienceMs));
        std::istringstream(line) >> verdict >> own >> wrong;
        const bool is_late = verdict == "late" && late == Late::counted;
        if (verdict != "checked" && !is_late) throw std::runtime_error(name(i) + " says '" + line + "'");
        late_votes += is_late;
        if (wrong != "none")
            throw std::runtime_error(name(i) + ": element " + wrong +
                                     " is not the fold of the reported contributors");
        if (digest.empty()) digest = own;
        if (digest != own) throw std::runtime_error(name(i) + " holds other bytes than the peers before it");
    }
    return late_votes;
}

double Flock::play_undisturbed(Late late) {
    begin_round();
    tell(everyone(), "go");
    double longest_ms = 0;
    for (const size_t i : everyone()) longest_ms = std::max(longest_ms, hear_reduced(i).took_ms);
    late_votes_ += hear_checked(everyone(), late);
    return longest_ms;
}

RoundTrips Flock::hear_round_trips() {
    RoundTrips worst;
    tell(everyone(), "watched");
    for (auto& peer : peers_) {
        RoundTrips of;
        std::istringstream(peer.child.expect("watched", Millis(kPatienceMs))) >> of.p99_ms >> of.longest_ms;
        worst.p99_ms = std::max(worst.p99_ms, of.p99_ms);
        worst.longest_ms = std::max(worst.longest_ms, of.longest_ms);
    }
    return worst;
}

void Flock::replace(const std::vector<size_t>& dead) {
    for (const size_t i : dead) peers_[i] = start_peer(i);
    for (const size_t i : dead) peers_[i].child.expect("joined", Millis(kPatienceMs));
}

void Flock::restart_coordinator() {
    coordinator_ = start_coordinator(scratch_.path(), settings_.security, settings_.peers,
                                     settings_.coordinator_place, coordinator_.address);
}

void Flock::finish() {
    for (auto& peer : peers_)
        if (!peer.child.finish(Millis(kPatienceMs)))
            throw std::runtime_error(peer.name + " did not end well");
}

}  // namespace stress
