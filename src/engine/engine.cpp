// The seam and the step: entry points, deadlines, and flushing what a step wants done.
#include "engine/engine.h"

#include "base/assert.h"
#include "engine/impl.h"

namespace whim {
namespace {

group::MemberConfig member_config(const EngineConfig& config) {
    group::MemberConfig m;
    m.id = config.id;
    m.run = config.run;
    m.token = config.token;
    m.name = config.name;
    m.region = config.region;
    m.addresses = config.advertise;
    m.outbound_only = config.outbound_only;
    m.require_reachable = config.require_reachable;
    m.fingerprint = config.fingerprint;
    m.coordinators = static_cast<uint32_t>(config.coordinators.size());
    m.plant = config.plant;
    return m;
}

CircuitsConfig circuits_config(const EngineConfig& config) {
    CircuitsConfig c;
    c.seed = config.seed;
    c.control_window_bytes = config.circuit_control_window_bytes;
    c.bulk_window_bytes = config.circuit_bulk_window_bytes;
    c.carried_bytes_max = config.carried_bytes_max;
    c.plant = config.plant;
    return c;
}

EndpointConfig endpoint_config(const EngineConfig& config, CircuitDialer& circuits) {
    EndpointConfig e;
    e.id = config.id;
    e.run_name = config.run;
    e.seed = config.seed;
    e.circuits = &circuits;
    e.part_bytes = config.part_bytes;
    e.shared_bytes_min = config.shared_bytes_min;
    e.plant = config.plant;
    return e;
}

}  // namespace

Engine::Impl::Impl(EngineConfig config, ChannelFactory* channels, StrandDriver& driver,
                   std::function<void()> effects_ready)
    : config_(std::move(config)), effects_ready_(std::move(effects_ready)), member_(member_config(config_)),
      circuits_(circuits_config(config_), driver),
      endpoint_(endpoint_config(config_, circuits_), channels, *this, circuits_), pool_(64u << 20) {
    circuits_.attach(endpoint_);
    WHIM_ASSERT(config_.boot != 0);
}

Engine::Impl::~Impl() = default;

void Engine::Impl::emit(EngineEffect effect) { effects_.push_back(std::move(effect)); }

void Engine::Impl::done(AppOp app, Code code, const std::string& detail, decltype(AppDone::info) info) {
    emit(AppDone{app, code, detail, std::move(info)});
}

void Engine::Impl::event(EventKind kind, const MemberId& about, const std::string& text) {
    emit(EngineEvent{kind, about, round_, member_.view().epoch, text});
}

// Sends what the step queued. Sending may lead straight back here (a strand takes bytes at once and unpins),
// so the loop goes on until nothing is left; depth_ keeps nested steps from flushing themselves.
void Engine::Impl::flush() {
    ++depth_;
    while (!outgoing_.empty() || !violations_.empty() || retention_freed_ || circuits_.has_outbox()) {
        if (retention_freed_) {
            retention_freed_ = false;
            for (auto& [number, record] : records_) {
                if (record->op && !record->op->ended()) record->op->poke();
            }
        }
        send_queued();
        std::map<LinkKey, std::string> violations;
        violations.swap(violations_);
        for (const auto& [from, what] : violations) misbehaved(from, what);
    }
    reap();
    --depth_;
    if (!effects_.empty()) effects_ready_();
}

// A link that takes no message is stuck: its owner, this engine, hears of it. Bulk frames wait for room.
void Engine::Impl::send_queued() {
    for (CircuitFrame& frame : circuits_.take_outbox()) {
        if (auto* message = std::get_if<wire::Message>(&frame.what))
            outgoing_.push_back({frame.to, wire::encode(*message)});
        else outgoing_.push_back({frame.to, std::move(std::get<BulkFrame>(frame.what))});
    }
    std::vector<Outgoing> batch;
    batch.swap(outgoing_);
    for (Outgoing& out : batch) {
        if (auto* bytes = std::get_if<Bytes>(&out.what))
            endpoint_.send_message(out.to, std::move(*bytes), now_);
        else if (endpoint_.has_link(out.to))
            overflow_[out.to].push_back(std::move(std::get<BulkFrame>(out.what)));
    }
    for (auto it = overflow_.begin(); it != overflow_.end();) {
        std::deque<BulkFrame>& frames = it->second;
        while (!frames.empty() && endpoint_.takes_bulk(it->first)) {
            endpoint_.send_bulk(it->first, std::move(frames.front()), now_);
            frames.pop_front();
        }
        it = frames.empty() || !endpoint_.has_link(it->first) ? overflow_.erase(it) : std::next(it);
    }
}

std::vector<EngineEffect> Engine::Impl::take_effects() {
    std::vector<EngineEffect> taken;
    taken.swap(effects_);
    return taken;
}

std::optional<Instant> Engine::Impl::deadline() const {
    std::optional<Instant> due = earlier(endpoint_.deadline(), member_.deadline());
    if (circuits_.work_due()) due = earlier(due, now_);
    for (const auto& [number, record] : records_) {
        due = earlier(due, record->answered || record->end_after_scan ? std::nullopt : record->give_up);
        if (record->op) due = earlier(due, record->op->deadline());
    }
    return due;
}

void Engine::Impl::on_deadline(Instant now) {
    Step step(*this, now);
    circuits_.run(now);
    endpoint_.on_deadline(now);
    for (const LinkKey& key : endpoint_.links()) {
        const std::optional<LinkStats> stats = endpoint_.stats(key);
        if (!stats || coordinator_index(key)) continue;
        member_.peer_heard(key, stats->last_heard);
        member_.peer_measured(key, stats->rtt_smoothed, stats->control_bytes_retransmitted, now);
    }
    group::MemberOutbox out;
    member_.on_deadline(now, out);
    run_member(out);
    report_links();
    std::vector<AppOp> given_up;
    for (auto& [number, record] : records_) {
        if (record->give_up && *record->give_up <= now && !record->answered && !record->end_after_scan)
            given_up.push_back(record->app);
        if (record->op) record->op->on_deadline(now);
    }
    for (const AppOp app : given_up) cancel(app, now);
    note_paused();
}

Engine::Engine(EngineConfig config, ChannelFactory* channels, StrandDriver& driver,
               std::function<void()> effects_ready)
    : impl_(std::make_unique<Impl>(std::move(config), channels, driver, std::move(effects_ready))) {}
Engine::~Engine() = default;

Endpoint& Engine::endpoint() { return impl_->endpoint_; }
std::vector<EngineEffect> Engine::take_effects() { return impl_->take_effects(); }
std::optional<Instant> Engine::deadline() const { return impl_->deadline(); }
void Engine::on_deadline(Instant now) { impl_->on_deadline(now); }
void Engine::job_done(uint64_t job_id, Instant now) { impl_->job_done(job_id, now); }
void Engine::join(AppOp app, Instant now) { impl_->join(app, now); }
void Engine::leave(AppOp app, const std::string& reason, Instant now) { impl_->leave(app, reason, now); }
void Engine::round_begin(AppOp app, Round state_round, Instant now) {
    impl_->round_begin(app, state_round, now);
}
void Engine::round_commit(AppOp app, Round round, wire::Vote vote, Instant now) {
    impl_->round_commit(app, round, std::move(vote), now);
}
void Engine::post(AppOp app, Round birth_round, PostOptions options, Instant now) {
    impl_->post(app, birth_round, std::move(options), now);
}
void Engine::limit_rate(uint64_t all_links, uint64_t each_link, Instant now) {
    impl_->all_links_rate_ = all_links;
    impl_->endpoint_.limit_rate(all_links, each_link, now);
}
void Engine::cancel(AppOp app, Instant now) { impl_->cancel(app, now); }
void Engine::record(AppOp app, Round round, Instant now) { impl_->record(app, round, now); }
MemberId Engine::self() const { return impl_->self(); }
const wire::View& Engine::view() const { return impl_->member_.view(); }
FencingToken Engine::obeyed() const { return impl_->member_.obeyed(); }
Round Engine::round() const { return impl_->round_; }
std::string Engine::waiting_for(AppOp app) const { return impl_->waiting_for(app); }
EngineCounters Engine::counters() const { return impl_->counters(); }
std::vector<std::pair<MemberId, LinkStats>> Engine::links() const { return impl_->links(); }

}  // namespace whim
