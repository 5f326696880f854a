// Commands in, effects out: everything that happens on the I/O thread between the application and the engine.
#include "runtime/runtime.h"

#include <asio/executor_work_guard.hpp>

#include "engine/overlap.h"
#include "runtime/log.h"
#include "runtime/system.h"

namespace whim::runtime {
namespace {

LogLevel level_of(EventKind kind) {
    switch (kind) {
        case EventKind::evicted:
        case EventKind::coordinator_lost:
        case EventKind::op_paused:
        case EventKind::diverged:
        case EventKind::not_reached: return LogLevel::warn;
        case EventKind::joined:
        case EventKind::view_changed:
        case EventKind::coordinator_back:
        case EventKind::peer_suspected:
        case EventKind::peer_back:
        case EventKind::peer_routed:
        case EventKind::waiting: return LogLevel::info;
    }
    return LogLevel::info;
}

}  // namespace

Status Runtime::enqueue(std::function<void()> on_io_thread) {
    const std::lock_guard lock(mu_);
    if (ended_) return *ended_;
    asio::post(*io_, std::move(on_io_thread));
    return {};
}

Result<Runtime::Handle> Runtime::start(OpKind kind, Command command) {
    const std::lock_guard lock(mu_);
    if (ended_) return *ended_;
    const AppOp app = last_app_ = last_app_.next();
    auto handle = std::make_shared<OpHandle>(board_, app, kind, now());
    handle->cancel = [weak = weak_from_this(), app] {
        const auto self = weak.lock();
        if (self)
            (void)self->enqueue([runtime = self.get(), app] {
                runtime->engine_->cancel(app, now());
                runtime->driver_->poke();
            });
    };
    handle->waiting_for = [weak = weak_from_this(), app]() -> std::string {
        const auto self = weak.lock();
        return self ? self->ask([app](const Engine& engine) { return engine.waiting_for(app); }).value_or("")
                    : "";
    };
    open_.emplace(app, handle);
    asio::post(*io_, [this, app, command = std::move(command)] {
        command(*engine_, app, now());
        driver_->poke();
    });
    return handle;
}

Result<Runtime::Handle> Runtime::join() {
    return start(OpKind::join, [](Engine& engine, AppOp app, Instant at) { engine.join(app, at); });
}

Result<Runtime::Handle> Runtime::leave(std::string reason) {
    return start(OpKind::leave,
                 [reason](Engine& engine, AppOp app, Instant at) { engine.leave(app, reason, at); });
}

Result<Runtime::Handle> Runtime::round_begin(Round state_round) {
    return start(OpKind::round_begin,
                 [=](Engine& engine, AppOp app, Instant at) { engine.round_begin(app, state_round, at); });
}

Result<Runtime::Handle> Runtime::round_commit(Round round, wire::Vote vote) {
    return start(OpKind::round_commit,
                 [round = begun_or(round), vote = std::move(vote)](Engine& engine, AppOp app, Instant at) {
                     engine.round_commit(app, round, vote, at);
                 });
}

Result<Runtime::Handle> Runtime::record(Round round) {
    return start(OpKind::record,
                 [=](Engine& engine, AppOp app, Instant at) { engine.record(app, round, at); });
}

Result<Runtime::Handle> Runtime::post(OpKind kind, Round birth, PostOptions options) {
    if (const Status ok = check_overlaps(options.tensors); !ok.ok()) return ok.error();
    return start(kind, [birth = begun_or(birth), options](Engine& engine, AppOp app, Instant at) {
        engine.post(app, birth, options, at);
    });
}

// The last one whose begin has completed, as members agree on that: the next may have begun here already, and
// not yet elsewhere.
Round Runtime::begun_or(Round named) {
    const std::lock_guard lock(mu_);
    return named == Round{} ? begun_ : named;
}

Status Runtime::limit_rate(uint64_t all_links, uint64_t each_link) {
    return enqueue([this, all_links, each_link] {
        engine_->limit_rate(all_links, each_link, now());
        driver_->poke();
    });
}

size_t Runtime::ops_open() {
    const std::lock_guard lock(mu_);
    return open_.size();
}

std::optional<std::string> Runtime::waiting_for() {
    std::vector<AppOp> apps;
    {
        const std::lock_guard lock(mu_);
        for (const auto& [app, handle] : open_) apps.push_back(app);
    }
    return ask([apps = std::move(apps)](const Engine& engine) {
        for (const AppOp app : apps)
            if (auto text = engine.waiting_for(app); !text.empty()) return text;
        return std::string();
    });
}

void Runtime::run_io() {
    begin_thread("whim-io");
    const auto stay = asio::make_work_guard(*io_);
    try {
        io_->run();
    } catch (const std::exception& problem) {
        const Error why = fail(Code::E_INTERNAL, std::string("the I/O thread failed: ") + problem.what());
        log(LogLevel::error, "runtime", "{}", why.detail);
        {
            const std::lock_guard lock(mu_);
            if (!ended_) ended_ = why;
        }
        workers_->stop();
        complete_all(why);
    }
}

void Runtime::step() {
    encoded_bytes_ = 0;
    for (auto effects = engine_->take_effects(); !effects.empty(); effects = engine_->take_effects())
        for (auto& effect : effects) perform(std::move(effect));
    set_timer();
}

void Runtime::perform(EngineEffect effect) {
    if (auto* job = std::get_if<op::Job>(&effect)) run_or_submit(std::move(*job));
    else if (auto* done = std::get_if<AppDone>(&effect)) complete(std::move(*done));
    else publish(std::move(std::get<EngineEvent>(effect)));
}

// Of encoding no more runs here in one step than of another job: an op begins with all that its windows hold.
void Runtime::run_or_submit(op::Job job) {
    size_t work = job.work_bytes();
    if (job.kind == op::JobKind::encode) work = encoded_bytes_ += work;
    if (work > limits::kJobInlineBytesMax) return workers_->submit(std::move(job));
    op::run_job(job, scratch_);
    engine_->job_done(job.id, now());
}

void Runtime::complete(AppDone done) {
    Handle handle;
    {
        const std::lock_guard lock(mu_);
        auto node = open_.extract(done.app);
        if (node.empty()) return;
        handle = std::move(node.mapped());
        if (const auto* began = std::get_if<RoundInfo>(&done.info)) begun_ = began->round;
    }
    if (done.code != Code::OK) log(LogLevel::info, "runtime", "{}: {}", code_name(done.code), done.detail);
    handle->complete(std::move(done), now());
}

void Runtime::complete_all(const Error& why) {
    std::map<AppOp, Handle> open;
    {
        const std::lock_guard lock(mu_);
        open.swap(open_);
    }
    for (const auto& [app, handle] : open) handle->complete(AppDone{app, why.code, why.detail, {}}, now());
}

void Runtime::publish(EngineEvent event) {
    if (event.kind == EventKind::joined || event.kind == EventKind::coordinator_back)
        coordinator_connected_ = true;
    if (event.kind == EventKind::coordinator_lost) coordinator_connected_ = false;
    log(level_of(event.kind), "engine", "{}", event.text);
    events_->push(std::move(event));
}

void Runtime::set_timer() {
    const auto due = engine_->deadline();
    if (due == timer_at_) return;
    timer_at_ = due;
    if (!due) {
        timer_->cancel();
        return;
    }
    timer_->expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(due->ns)));
    timer_->async_wait([this](const asio::error_code& error) {
        if (error) return;
        timer_at_.reset();
        engine_->on_deadline(now());
        driver_->poke();
    });
}

}  // namespace whim::runtime
