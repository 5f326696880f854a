// Building the world of a plan and watching over its run.
#include "tests/sim/simulation.h"

#include <algorithm>
#include <set>

namespace whim::sim {
namespace {

constexpr Duration kWatchEvery = milliseconds(250);
// From the last fault until everybody has committed again. What runs through a third peer gets through one
// window in a round trip, and some windows are of 50 bytes. Whoever crawls needs long for its results.
Duration calm_max(const Plan& plan) {
    const int64_t windows = plan.circuit_window_bytes > 0 ? 500 / plan.circuit_window_bytes : 0;
    return seconds(60) * (1 + windows) * (plan.crawler ? 4 : 1);
}
constexpr Duration kLeaveMax = seconds(30);
constexpr Duration kDirectMax = seconds(25);  // of calm, until every link is back on its own path
constexpr HostClock kTrueClock{};

PeerId draw_id(Prng& prng) {
    PeerId id;
    for (uint8_t& b : id.bytes) b = static_cast<uint8_t>(prng.next());
    return id;
}

}  // namespace

SeedResult run_seed(const SeedOptions& options) { return Simulation(options).run(); }

Simulation::Simulation(const SeedOptions& options)
    : options_(options), plan_(plan_of(options.seed, options.profile)),
      world_(options.seed, options.trace, options.hash_text), prng_(world_.stream(0x51)), tap_(world_),
      control_(world_), ops_(world_, control_, plan_.chunk_bytes) {
    build();
}

Simulation::~Simulation() {
    for (const auto& host : hosts_) host->end();
}

void Simulation::build() {
    Prng prng = world_.stream(0xb0);
    const uint32_t peers = plan_.peers + plan_.late_peers;
    for (HostId h = 0; h < peers + plan_.coordinators; ++h) {
        HostClock clock = kTrueClock;
        clock.offset_ns = prng.between(0, seconds(1000).ns);
        clock.drift_ppm = plan_.drift_ppm_max == 0
                              ? 0
                              : static_cast<int32_t>(prng.between(-plan_.drift_ppm_max, plan_.drift_ppm_max));
        const std::string name = h < peers ? fmt::format("p{}", h) : fmt::format("c{}", h - peers);
        hosts_.push_back(std::make_unique<Host>(world_, h, name, clock));
        hosts_.back()->on_doom([this](Host& host) {
            if (host.id() < machines_.size()) return kill_peer(host.id(), *machines_[host.id()].doom);
            if (static_cast<CoordinatorProcess*>(host.process())->died_between()) {
                coverage_.hit(Mark::coordinator_died_between);
                coverage_.strike(FaultKind::coordinator_die_between);
            }
            kill(host.id(), DeathKind::process);
            // Its death began before the calm, which found it running.
            if (calm_) world_.after(milliseconds(1), [this] { need_coordinator(); });
        });
    }
    std::vector<Host*> hosts;
    for (const auto& host : hosts_) hosts.push_back(host.get());
    network_ = std::make_unique<Network>(world_, hosts);
    if (plan_.shared_bytes_min > 0) network_->work_together();
    for (HostId a = 0; a < hosts_.size(); ++a) {
        for (HostId b = 0; b < hosts_.size(); ++b) {
            Path& path = network_->path(a, b);
            path.delay = nanoseconds(prng.between(plan_.delay_min.ns, plan_.delay_max.ns));
            path.jitter = plan_.jitter_max;
            path.bytes_per_second = plan_.bytes_per_second_min * (1 + prng.below(10));
            path.in_flight_max = plan_.in_flight_max;
            path.piece_max = plan_.piece_max;
            if ((plan_.crawler == a && b < peers) || (plan_.crawler == b && a < peers)) {
                path.bytes_per_second = plan_.crawl_bytes_per_second;
                path.in_flight_max = 1'000;  // more would keep it from being heard
            }
        }
    }
    if (plan_.shut_out)
        for (HostId c = peers; c < hosts_.size(); ++c) network_->path(c, *plan_.shut_out).shut = true;
    network_->set_tap([this](HostId from, HostId to, uint64_t stream, ByteSpan bytes) {
        if (world_.tracing() && !plan_.secure) tap_.heard(from, to, stream, bytes);
        activity();
    });
    store_.observe([this](const Bytes& record) {
        control_.journalled(record);
        after_view(record);
    });
    for (uint32_t i = 0; i < peers; ++i) {
        PeerMachine machine;
        machine.id = draw_id(prng);
        machine.disk.state = AppState::initial(options_.seed);
        machine.present = i < plan_.peers;
        machines_.push_back(machine);
    }
    if (plan_.crawler) ops_.crawls(machines_[*plan_.crawler].id);
    for (uint32_t i = 0; i < plan_.coordinators; ++i) coordinator_ids_.push_back(draw_id(prng));
    started_.assign(hosts_.size(), Instant{});
    killed_.assign(hosts_.size(), Instant{-seconds(60).ns});  // never
    for (HostId a = 0; a < plan_.outbound_only; ++a) {
        network_->close_to_dials(a);
        for (HostId b = 0; b < a; ++b) cuts_.push_back({b, a, Instant{}, Instant{seconds(1'000'000).ns}});
    }
    disturbed_until_.assign(hosts_.size(), Instant{-seconds(60).ns});  // never
    start_coordinator(peers);
    for (HostId h = 0; h < plan_.peers; ++h) {
        world_.after(microseconds(prng.between(0, 300'000)), [this, h] { start_peer(h); });
    }
}

void Simulation::start_peer(HostId host) {
    if (hosts_[host]->running()) return;
    PeerMachine& machine = machines_[host];
    machine.present = true;
    machine.boots += 1;
    started_[host] = world_.now();
    PeerSetup setup;
    setup.secure = plan_.secure;
    setup.job_delay_max = plan_.job_delay_max;
    EngineConfig& e = setup.engine;
    e.id = machine.id;
    e.boot = mix64(options_.seed ^ mix64(host * 1000 + machine.boots)) | 1;
    e.run = "sim";
    if ((options_.seed + host) % 4 == 0) e.first_record = limits::kOpNumbers - 1 - options_.seed % 40;
    e.name = world_.host_name(host);
    switch (plan_.decoy) {
        case Plan::Decoy::none: break;
        case Plan::Decoy::nowhere: e.advertise.push_back({"nowhere", 1}); break;
        case Plan::Decoy::silence: e.advertise.push_back(Network::silent_address()); break;
        case Plan::Decoy::neighbour:
            e.advertise.push_back(Network::address_of((host + 1) % static_cast<HostId>(machines_.size())));
            break;
    }
    e.advertise.push_back(Network::address_of(host));
    for (uint32_t c = 0; c < plan_.coordinators; ++c) {
        e.coordinators.push_back({Network::address_of(static_cast<HostId>(machines_.size() + c))});
        e.coordinator_pins.push_back(coordinator_ids_[c]);
    }
    e.bulk_strands = plan_.bulk_strands;
    e.chunk_bytes = plan_.chunk_bytes;
    e.window_bytes = plan_.window_bytes;
    e.eager_bytes = plan_.eager_bytes;
    e.eager_large_bytes = plan_.eager_large_bytes;
    e.retain_bytes_max = plan_.retain_bytes_max;
    e.outbound_only = host < plan_.outbound_only;
    if (plan_.circuit_window_bytes > 0)
        e.circuit_control_window_bytes = e.circuit_bulk_window_bytes = plan_.circuit_window_bytes;
    if (plan_.carried_bytes_max > 0) e.carried_bytes_max = plan_.carried_bytes_max;
    if (plan_.part_bytes > 0) e.part_bytes = plan_.part_bytes;
    if (plan_.shared_bytes_min > 0) e.shared_bytes_min = plan_.shared_bytes_min;
    e.weighed_bytes_min = 0;
    e.planned_bytes_min = 64 << 20;
    if (plan_.claims_paces) e.pace_claimed = uint64_t{1000} << (mix64(e.boot ^ 0xface) % 8);
    e.seed = mix64(e.boot);
    e.plant = options_.plant;
    world_.trace(host, "starts, peer {}, boot {:x}, state of round {}", short_name(machine.id), e.boot,
                 machine.disk.round.value);
    const AppContext context{world_, *hosts_[host], control_, ops_, plan_, coverage_};
    hosts_[host]->start(std::make_unique<PeerProcess>(*network_, context, setup, machine.disk));
    network_->process_started(host);
    hosts_[host]->step(hosts_[host]->life(), [](Process& process, Instant now) {
        static_cast<PeerProcess&>(process).app().start(now);
    });
}

void Simulation::start_coordinator(HostId host) {
    if (hosts_[host]->running()) return;
    CoordinatorSetup setup;
    setup.id = coordinator_ids_[host - machines_.size()];
    setup.config.run = "sim";
    setup.config.options = plan_.options;
    setup.config.plant = options_.plant;
    setup.config.admit = [](const PeerId&, const std::string&) { return Status(); };
    setup.secure = plan_.secure;
    setup.endpoint_seed = prng_.next();
    auto process = std::make_unique<CoordinatorProcess>(world_, *network_, *hosts_[host], store_, setup);
    control_.restored(process->coordinator().committed());
    if (process->coordinator().fencing().value > 1) {
        coverage_.hit(Mark::leader_change);
        for (Instant& until : disturbed_until_) until = std::max(until, world_.now());
    }
    hosts_[host]->start(std::move(process));
    network_->process_started(host);
}

PeerProcess* Simulation::peer(HostId host) {
    return host < machines_.size() ? static_cast<PeerProcess*>(hosts_[host]->process()) : nullptr;
}

void Simulation::kill(HostId host, DeathKind kind) {
    if (!hosts_[host]->running()) return;
    killed_[host] = world_.now();
    world_.trace(host, "{}", kind == DeathKind::process ? "dies" : "goes dark");
    if (peer(host)) note_counters(host);
    network_->process_died(host, kind);
    hosts_[host]->kill();
}

void Simulation::note_counters(HostId host) {
    peer(host)->app().check_buffers();
    ops_.counters(peer(host)->engine().self(), peer(host)->engine().counters(),
                  plan_.eager_bytes + 2 * plan_.eager_large_bytes);
    coverage_.add(peer(host)->engine().counters());
}

void Simulation::watch() {
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (!peer(h)) continue;
        peer(h)->app().check_buffers();
        ops_.counters(peer(h)->engine().self(), peer(h)->engine().counters(),
                      plan_.eager_bytes + 2 * plan_.eager_large_bytes);
    }
    watch_pairs();
    if (!world_.stopped()) world_.after(kWatchEvery, [this] { watch(); });
}

bool Simulation::everybody_committed_in_calm() {
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (machines_[h].present && (!peer(h) || !peer(h)->app().committed_in_calm())) return false;
    }
    return true;
}

bool Simulation::everybody_left() {
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (peer(h) && !peer(h)->app().idle()) return false;
    }
    return true;
}

bool Simulation::some_lineage() {
    const Round committed = control_.ledger().committed;
    if (committed == Round{}) return true;
    for (const PeerMachine& m : machines_) {
        const bool holds = m.disk.round == committed || (m.disk.next && m.disk.next->round == committed);
        if (m.present && holds) return true;
    }
    return false;
}

std::string Simulation::who_waits() {
    std::string text;
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (peer(h)) text += fmt::format("\n  {}: {}", world_.host_name(h), peer(h)->app().waiting_for());
    }
    for (HostId h = static_cast<HostId>(machines_.size()); h < hosts_.size(); ++h) {
        if (!hosts_[h]->running()) continue;
        const auto& c = static_cast<CoordinatorProcess*>(hosts_[h]->process())->coordinator();
        text += fmt::format("\n  {}: epoch {}, open round {}, {}", world_.host_name(h), c.view().epoch.value,
                            c.open_round().value, c.waiting_for());
    }
    return text;
}

// Whoever leads knows links between members of its view and no others; in quiet times, all of them.
void Simulation::look_at_links() {
    for (HostId h = static_cast<HostId>(machines_.size()); h < hosts_.size(); ++h) {
        if (!hosts_[h]->running()) continue;
        const auto& c = static_cast<CoordinatorProcess*>(hosts_[h]->process())->coordinator();
        std::set<Incarnation> members;
        for (const wire::MemberInfo& m : c.view().members) members.insert(m.id.incarnation);
        size_t links = 0;
        for (const auto& [from, row] : c.links().rows()) {
            for (const auto& [to, entry] : row) {
                if (!members.contains(from) || !members.contains(to))
                    world_.violate(fmt::format("{} knows a link from #{} to #{}, not both in its view",
                                               world_.host_name(h), from.value, to.value));
                ++links;
            }
        }
        if (members.size() > 1 && links == members.size() * (members.size() - 1))
            coverage_.hit(Mark::links_known);
    }
}

SeedResult Simulation::run() {
    world_.trace(kNoHost, "seed {}, profile {}, {} peers{}{}", options_.seed, profile_name(plan_.profile),
                 plan_.peers, plan_.secure ? ", secure" : "",
                 options_.plant == Plant::none ? "" : ", with a planted bug");
    plan_faults();
    watch();
    world_.run_until(plan_.calm_at);
    if (!world_.stopped()) end_faults();
    const Instant calm_ends = plan_.calm_at + calm_max(plan_);
    while (!world_.stopped() && world_.now() < calm_ends && !everybody_committed_in_calm()) {
        world_.run_until(world_.now() + milliseconds(20));
    }
    if (!world_.stopped() && !everybody_committed_in_calm()) {
        if (some_lineage())
            world_.violate(fmt::format("{} s after the last fault not everybody has committed a round:{}",
                                       calm_max(plan_).ns / 1'000'000'000, who_waits()));
        else coverage_.hit(Mark::lineage_lost);
    }
    while (!world_.stopped() && world_.now() < plan_.calm_at + kDirectMax && !still_relayed().empty())
        world_.run_until(world_.now() + milliseconds(100));
    if (const std::string link = still_relayed(); !world_.stopped() && !link.empty())
        world_.violate(fmt::format("{} s after the last fault {}", kDirectMax.ns / 1'000'000'000, link));
    if (!world_.stopped()) look_at_links();
    for (HostId h = 0; h < machines_.size() && !world_.stopped(); ++h) {
        if (!peer(h)) continue;
        hosts_[h]->step(hosts_[h]->life(), [](Process& process, Instant now) {
            static_cast<PeerProcess&>(process).app().finish("the seed is over", now);
        });
    }
    const Instant leave_ends = world_.now() + kLeaveMax;
    while (!world_.stopped() && world_.now() < leave_ends && !everybody_left())
        world_.run_until(world_.now() + milliseconds(20));
    if (!world_.stopped() && !everybody_left()) world_.violate("not everybody could leave:" + who_waits());
    for (HostId h = 0; h < machines_.size(); ++h) {
        if (peer(h) && !world_.violation()) note_counters(h);
    }
    if (!world_.violation()) ops_.finish(coverage_);
    coverage_.hit(Mark::turns_together, network_->turns_together());
    coverage_.hit(Mark::new_incarnation, control_.restarts_with_new_incarnation());
    SeedResult result;
    result.violation = world_.violation();
    result.hash = world_.hash();
    result.events = world_.events();
    result.plan = plan_;
    result.coverage = coverage_;
    return result;
}

}  // namespace whim::sim
