// The beginning and the end of a Runtime: key, port, threads; and in which order they stop.
#include <algorithm>

#include "runtime/log.h"
#include "runtime/runtime.h"
#include "runtime/system.h"
#include "transport/asio/identity_file.h"
#include "transport/asio/interfaces.h"
#include "transport/session/tls_channel.h"

namespace whim::runtime {
namespace {

std::string texts_of(const std::vector<Address>& addresses) {
    std::string text;
    for (const Address& address : addresses) text += (text.empty() ? "" : ", ") + to_string(address);
    return text;
}

EngineConfig engine_config(const PeerOptions& options, const PeerId& id) {
    EngineConfig config;
    config.id = id;
    config.boot = random_u64();
    config.seed = random_u64();
    config.run = options.run;
    config.token = options.token;
    config.name = options.name;
    config.region = options.region;
    config.advertise = options.advertise;
    config.outbound_only = options.outbound_only;
    config.require_reachable = options.require_reachable;
    for (const auto& place : options.coordinators) {
        config.coordinators.push_back(place.addresses);
        config.coordinator_pins.push_back(place.pin);
    }
    config.fingerprint = options.fingerprint;
    config.bulk_strands = options.bulk_strands;
    config.chunk_bytes = options.chunk_bytes;
    config.window_bytes = options.window_bytes;
    config.retain_bytes_max = options.retain_bytes_max;
    return config;
}

}  // namespace

Runtime::Runtime(PeerOptions options) : options_(std::move(options)) {}

Runtime::~Runtime() { shutdown(); }

Result<std::shared_ptr<Runtime>> Runtime::create(PeerOptions options) {
    std::shared_ptr<Runtime> runtime(new Runtime(std::move(options)));
    if (const Status opened = runtime->open(); !opened) return opened.error();
    return runtime;
}

Status Runtime::open() {
    if (const Status known = choose_identity(); !known) return known;
    auto events = EventQueue::create();
    if (!events) return events.error();
    events_ = std::move(*events);
    io_ = std::make_unique<asio::io_context>(1);
    timer_ = std::make_unique<asio::steady_timer>(*io_);
    driver_ = std::make_unique<AsioDriver>(*io_);
    if (options_.same_host_path) driver_->allow_same_host();
    auto bound = driver_->listen(options_.listen);
    if (!bound) return bound.error();
    listening_ = *bound;
    choose_advertised();
    engine_ = std::make_unique<Engine>(engine_config(options_, id_), channels_.get(), *driver_, [] {});
    engine_->limit_rate(options_.rate_limit, options_.link_rate_limit, now());
    driver_->attach(engine_->endpoint());
    driver_->after_events([this] { step(); });  // also after poke(), which follows every call of ours
    board_ = std::make_shared<Board>();
    workers_ = std::make_unique<WorkerPool>(
        options_.worker_threads, [this](uint64_t job_id, std::exception_ptr thrown) {
            (void)enqueue([this, job_id, thrown = std::move(thrown)] {
                if (thrown) std::rethrow_exception(thrown);  // ends the runtime, as if thrown on this thread
                engine_->job_done(job_id, now());
                driver_->poke();
            });
        });
    if (channels_ && options_.worker_threads > 1) driver_->share_work(*workers_);
    io_thread_ = std::thread([this] { run_io(); });
    log(LogLevel::info, "runtime", "peer {} ({}) listens on {} and is {}", short_name(id_), options_.name,
        to_string(listening_),
        options_.advertise.empty() ? "not to be dialled" : "reached at " + texts_of(options_.advertise));
    return {};
}

Status Runtime::choose_identity() {
    if (options_.security == Security::none) {
        log(LogLevel::warn, "runtime",
            "security is none: nothing is encrypted and nobody proves who they are; for trusted networks "
            "only");
        fill_random(id_.bytes);
        return {};
    }
    auto identity = options_.identity_file.empty() ? Result<Identity>(generate_identity())
                                                   : load_or_create_identity(options_.identity_file);
    if (!identity) return identity.error();
    auto channels = TlsChannelFactory::create(*identity);
    if (!channels) return channels.error();
    id_ = identity->id();
    channels_ = std::move(*channels);
    return {};
}

// Where others reach this peer: as told, else the interface listened on, else those that lead to the
// coordinators; a coordinator on this machine says nothing about the others, so then also the one that leads
// away from it. The coordinator tries them all. One that nobody can dial advertises nothing by itself.
void Runtime::choose_advertised() {
    auto& advertise = options_.advertise;
    const auto add = [&](const std::string& host) {
        const bool known = std::any_of(advertise.begin(), advertise.end(),
                                       [&](const Address& address) { return address.host == host; });
        if (!known && advertise.size() < limits::kAddressesPerPeerMax) advertise.push_back({host, 0});
    };
    if (advertise.empty() && options_.outbound_only) return;
    if (advertise.empty() && !names_every_interface(listening_.host)) add(listening_.host);
    if (advertise.empty()) {
        for (const auto& place : options_.coordinators)
            for (const auto& address : place.addresses)
                if (const auto host = interface_towards(address)) add(*host);
        const bool local = std::all_of(advertise.begin(), advertise.end(),
                                       [](const Address& address) { return is_loopback(address.host); });
        if (const auto host = local ? interface_away() : std::nullopt) add(*host);
    }
    if (advertise.empty()) add(host_name());
    for (auto& address : advertise)
        if (address.port == 0) address.port = listening_.port;
}

void Runtime::shutdown() {
    const Error why = fail(Code::E_LEFT, "the group was destroyed");
    {
        const std::lock_guard lock(mu_);
        if (!ended_) ended_ = why;
    }
    if (io_) io_->stop();
    if (io_thread_.joinable()) io_thread_.join();
    if (workers_) workers_->stop();
    // No thread of ours touches engine, sockets or buffers any more.
    timer_.reset();
    engine_.reset();  // closes its strands with the driver
    driver_.reset();
    complete_all(why);
    io_.reset();
    if (board_) board_->close();
}

}  // namespace whim::runtime
