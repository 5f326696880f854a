// Performing what an engine asks for.
#include "tests/sim/peer.h"

namespace whim::sim {

PeerProcess::PeerProcess(Network& network, const AppContext& context, const PeerSetup& setup, AppDisk& disk)
    : c_(context), setup_(setup), prng_(mix64(setup.engine.boot)), port_(network, context.host),
      channels_(setup.engine.id),
      engine_(setup.engine, setup.secure ? &channels_ : nullptr, port_, [this] { effects_ready_ = true; }),
      app_(context, engine_, setup.engine.boot, disk) {}

void PeerProcess::settle(Instant local) {
    while (effects_ready_ && !c_.world.stopped()) {
        effects_ready_ = false;
        for (EngineEffect& effect : engine_.take_effects()) {
            if (auto* job = std::get_if<op::Job>(&effect)) perform(std::move(*job), local);
            else if (const auto* done = std::get_if<AppDone>(&effect)) app_.on_done(*done, local);
            else app_.on_event(std::get<EngineEvent>(effect));
        }
    }
    c_.control.obeyed(engine_.self(), setup_.engine.boot, engine_.obeyed());
    if (engine_.view().epoch != installed_) {
        installed_ = engine_.view().epoch;
        c_.world.trace(c_.host.id(), "installs epoch {} with {} members", installed_.value,
                       engine_.view().members.size());
        c_.control.installed(engine_.self(), engine_.view());
    }
}

void PeerProcess::perform(op::Job job, Instant local) {
    if (setup_.job_delay_max == Duration{} || prng_.chance(1, 3)) {
        op::run_job(job);
        engine_.job_done(job.id, local);
        return;
    }
    const bool early = prng_.chance(1, 2);
    if (early) op::run_job(job);
    const Duration delay = nanoseconds(prng_.between(0, setup_.job_delay_max.ns));
    c_.host.step_after(delay, [this, early, job = std::move(job)](Process&, Instant now) {
        if (!early) op::run_job(job);
        engine_.job_done(job.id, now);
    });
}

}  // namespace whim::sim
