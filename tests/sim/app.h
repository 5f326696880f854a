// The scripted application of one peer: joins, trains for rounds, commits, and comes back when it was thrown
// out.
//
// It keeps the contract that the library states for applications and uses all of its freedom: any order and
// delay of posts, buffers reused the moment an op completes, rounds begun together with the last commit.
// Its disk outlives the process. Every call it makes is answered once, which it checks.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "engine/engine.h"
#include "tests/sim/buffers.h"
#include "tests/sim/coverage.h"
#include "tests/sim/host.h"
#include "tests/sim/op_checker.h"
#include "tests/sim/plan.h"
#include "tests/sim/policy.h"
#include "tests/sim/script.h"

namespace whim::sim {

// What is trained: enough to see whether two peers hold the same.
struct AppState {
    std::array<uint64_t, 12> words{};
    bool operator==(const AppState&) const = default;
    Digest digest() const;
    ByteSpan bytes() const { return std::as_bytes(std::span(words)); }
    static AppState initial(uint64_t seed);
};

// Survives the process; lost in a restart without disk.
struct AppDisk {
    Round round;  // last committed round whose state this is; 0: none
    AppState state;
    struct Provisional {
        Round round;
        AppState state;
    };
    std::optional<Provisional> next;  // voted for, outcome unknown
};

struct AppContext {
    World& world;
    Host& host;
    ControlChecker& control;
    OpChecker& ops;
    const Plan& plan;
    SeedCoverage& coverage;
};

class App {
public:
    App(AppContext context, Engine& engine, uint64_t boot, AppDisk& disk);
    ~App();

    void start(Instant now);  // asks to join
    void on_done(const AppDone& done, Instant now);
    void on_event(const EngineEvent& event);
    void finish(const std::string& reason, Instant now);  // leaves for good
    void check_buffers();                                 // those whose ops have ended

    bool left() const { return phase_ == Phase::left; }
    bool idle() const { return left() && pending_.empty(); }
    bool committed_in_calm() const { return committed_in_calm_; }  // took part in a commit after faults ended
    bool ops_open() const { return !open_.empty(); }
    std::string waiting_for() const;

private:
    enum class Phase : uint8_t { idle, joining, beginning, running, committing, thrown_out, leaving, left };
    enum class What : uint8_t { join, leave, begin, op, commit, record };
    struct Pending {
        What what;
        uint64_t tag = 0;
        Round round;
    };
    struct OpenOp {
        OpScript script;
        std::unique_ptr<GuardedBuffer> in, out;  // out null: in place
        GuardedBuffer& result() { return out ? *out : *in; }
    };
    struct Used {
        std::unique_ptr<GuardedBuffer> buffer;
        std::string what;
        Instant since;
    };

    AppOp issue(What what, uint64_t tag, Round round);
    void later(Duration delay, std::function<void(Instant)> what);  // unless the term is over by then
    void join(Instant now);
    void joined(const AppDone& done, Instant now);
    void resume(Instant now);  // asks for the outcome it may have missed, then begins
    void begin(Instant now);
    void leave(Instant now);
    void recorded(const AppDone& done, Instant now);
    void began(const AppDone& done, Instant now);
    void enter_round(Instant now);
    void train_inner();                                 // time passes, then the next round
    void take_up(const OpScript& script, Instant now);  // posts it, now or later
    void post(const OpScript& script, Instant now);
    Bytes contribution(const OpScript& script, const OpChoice& choice) const;
    void policy_op_done(const OpScript& script, const AppDone& done, ByteSpan result, Instant now);
    void op_done(const Pending& pending, const AppDone& done, Instant now);
    void finish_round(Instant now);
    void committed(const AppDone& done, Instant now);
    void thrown_out(Instant now);
    void retire(std::unique_ptr<GuardedBuffer> buffer, const std::string& what);

    AppContext c_;
    Engine& engine_;
    const uint64_t boot_;
    AppDisk& disk_;
    Phase phase_ = Phase::idle;
    uint64_t next_app_;
    uint64_t term_ = 0;  // rises when what was planned is void
    std::map<AppOp, Pending> pending_;
    MemberId member_;  // this incarnation; kept when the engine has forgotten it

    RoundInfo info_;
    AppState state_;                        // of the round in progress
    bool poisoned_ = false;                 // this peer knows that it lacks a result
    std::map<uint64_t, uint64_t> results_;  // tag: hash of the result; 0: none
    uint32_t unposted_ = 0;                 // planned and not yet posted
    std::map<uint64_t, OpenOp> open_;
    std::optional<Policy> policy_;
    Bytes seen_;                         // its list of this round
    std::optional<AppDone> next_round_;  // begun before the last one's outcome was known
    bool begin_pending_ = false, committed_in_calm_ = false, leaving_for_good_ = false;
    std::vector<Used> used_;
};

}  // namespace whim::sim
