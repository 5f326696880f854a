// One seed: builds the world of its plan, lets the faults strike, then demands that everything finishes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/plant.h"
#include "tests/sim/coordinator_process.h"
#include "tests/sim/coverage.h"
#include "tests/sim/network.h"
#include "tests/sim/peer.h"
#include "tests/sim/plan.h"
#include "tests/sim/wiretap.h"

namespace whim::sim {

struct SeedOptions {
    uint64_t seed = 1;
    Plant plant = Plant::none;
    std::optional<Profile> profile;
    bool trace = false;
    bool hash_text = false;  // the hash covers every line of the trace
};

struct SeedResult {
    std::optional<std::string> violation;
    uint64_t hash = 0;
    uint64_t events = 0;
    Plan plan;
    SeedCoverage coverage;
};

SeedResult run_seed(const SeedOptions& options);

// What a fault leaves behind, lost connections and reports about them, is cleared up by then.
inline constexpr Duration kRecovery = seconds(5);

class Simulation {
public:
    explicit Simulation(const SeedOptions& options);
    ~Simulation();
    SeedResult run();

private:
    struct PeerMachine {
        PeerId id;
        AppDisk disk;
        uint64_t boots = 0;
        bool present = false;       // runs, or will again
        std::optional<Fault> doom;  // strikes within a few steps
    };

    // simulation.cpp
    void build();
    void start_peer(HostId host);
    void start_coordinator(HostId host);
    PeerProcess* peer(HostId host);
    void kill(HostId host, DeathKind kind);
    void watch();  // every moment: what can only be seen by looking
    bool everybody_committed_in_calm();
    bool everybody_left();
    bool some_lineage();
    std::string who_waits();
    void look_at_links();
    void note_counters(HostId host);

    // routes.cpp
    struct PairCut {  // nothing gets from one to the other, or no dial reaches either
        HostId a = 0, b = 0;
        Instant from, until;
        Duration reached_within = {};  // through a third one
    };
    void cut_pair(const Fault& fault, Instant until);
    void hunt_relay(const Fault& fault, uint32_t tries);
    std::optional<HostId> host_of(const MemberId& member);
    std::optional<HostId> some_relay();
    bool way_around(const PairCut& cut);
    bool excused_by_cut(HostId host);
    void watch_pairs();
    std::string still_relayed();  // though every path works

    // faults.cpp
    void plan_faults();
    void activity();  // bytes arrived while an op is open
    void strike(const Fault& fault);
    void kill_peer(HostId host, const Fault& fault);
    void revive_peer(HostId host, bool keeps_disk);
    void coordinator_fault(const Fault& fault);
    void after_view(const Bytes& record);  // faults that wait for a decision
    void hunt_listener(uint32_t tries);
    void disturb(const Fault& fault, Instant until);
    void judge_admission(const group::Admission& admission);  // does the verdict on its addresses hold?
    void judge_removal(const wire::Removal& removal);         // was there any cause?
    void end_faults();
    void need_coordinator();
    bool may_lose(HostId host);  // its disk, without taking the last copy of the state along
    bool ops_open();

    SeedOptions options_;
    Plan plan_;
    World world_;
    Prng prng_;
    std::vector<std::unique_ptr<Host>> hosts_;
    std::unique_ptr<Network> network_;
    Store store_;
    Wiretap tap_;
    ControlChecker control_;
    OpChecker ops_;
    SeedCoverage coverage_;
    std::vector<PeerMachine> machines_;
    std::vector<PeerId> coordinator_ids_;
    uint64_t activity_ = 0;
    std::vector<bool> struck_;              // by fault
    std::vector<Instant> disturbed_until_;  // by host; its network or its process
    std::vector<Instant> started_;          // by host; its present process
    std::vector<Instant> killed_;           // by host; its last one
    std::vector<PairCut> cuts_;
    Instant paths_harmed_{};                          // by the last cut, or harm to a relay
    std::vector<Fault> mourners_, listener_killers_;  // armed
    bool hunting_ = false;                            // a listener to kill
    bool calm_ = false;
};

}  // namespace whim::sim
