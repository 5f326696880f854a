// A peer as a process of the simulation: an Engine, the application that drives it, and its worker's jobs.
//
// A job runs somewhere between being submitted and being reported, as on a worker thread: at once or after a
// delay, and its reads and writes happen at either end of it.
#pragma once

#include <memory>

#include "tests/sim/app.h"
#include "tests/sim/network.h"
#include "transport/session/stand_in_channel.h"

namespace whim::sim {

struct PeerSetup {
    EngineConfig engine;
    bool secure = false;
    Duration job_delay_max{};  // 0: inline
};

class PeerProcess final : public Process {
public:
    PeerProcess(Network& network, const AppContext& context, const PeerSetup& setup, AppDisk& disk);

    Endpoint& endpoint() override { return engine_.endpoint(); }
    void settle(Instant local) override;
    std::optional<Instant> deadline() const override { return engine_.deadline(); }
    void on_deadline(Instant local) override { engine_.on_deadline(local); }

    App& app() { return app_; }
    Engine& engine() { return engine_; }

private:
    void perform(op::Job job, Instant local);

    AppContext c_;
    const PeerSetup setup_;
    Prng prng_;
    Port port_;
    SimChannelFactory channels_;
    Engine engine_;
    App app_;
    Epoch installed_;
    bool effects_ready_ = true;
};

}  // namespace whim::sim
