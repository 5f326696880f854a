// The coordinator's shell.
#include "coordinator/server.h"

#include <pthread.h>
#include <sodium.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <future>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include "base/printable.h"
#include "coordinator/http_pages.h"
#include "coordinator/invite_file.h"
#include "coordinator/invites.h"
#include "coordinator/leader.h"
#include "coordinator/links_file.h"
#include "transport/asio/driver.h"
#include "transport/asio/identity_file.h"
#include "transport/asio/interfaces.h"
#include "transport/session/tls_channel.h"

namespace whim::coordinator {
namespace {

constexpr auto kAskTimeout = std::chrono::seconds(2);

uint64_t random_u64() {
    uint64_t value = 0;
    randombytes_buf(&value, sizeof value);
    return value;
}

void log_to_stderr(const std::string& line) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    const std::time_t s = ms / 1000;
    std::tm utc{};
    gmtime_r(&s, &utc);
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%FT%T", &utc);
    std::fputs(fmt::format("{}.{:03}Z coordinator: {}\n", stamp, ms % 1000, line).c_str(), stderr);
}

}  // namespace

class CoordinatorServer::Impl {
public:
    explicit Impl(ServerOptions options) : options_(std::move(options)), identity_(KeySeed{}) {}

    ~Impl() {
        io_.stop();
        if (thread_.joinable()) thread_.join();
        pages_.reset();
        endpoint_.reset();
        driver_.reset();
    }

    Status open() {
        if (options_.data_dir.empty())
            return fail(Code::E_INVALID, "data_dir: a coordinator needs a directory");
        if (options_.run.size() > limits::kNameBytesMax)
            return fail(Code::E_INVALID, "run: the name is too long");
        if (!options_.log) options_.log = log_to_stderr;
        options_.log = [log = options_.log](const std::string& line) { log(printable(line)); };
        if (sodium_init() < 0) return fail(Code::E_SYSTEM, "libsodium cannot start");
        Result<std::unique_ptr<Journal>> journal = Journal::open(options_.data_dir);
        if (!journal.ok()) return journal.error();
        journal_ = std::move(*journal);
        const Result<Identity> identity = load_or_create_identity(key_path(options_.data_dir));
        if (!identity.ok()) return identity.error();
        identity_ = *identity;
        Result<std::string> run = choose_run(options_.data_dir, *journal_, options_.run, options_.log);
        if (!run.ok()) return run.error();
        options_.run = std::move(*run);
        if (Status s = open_links(); !s.ok()) return s;
        if (Status s = open_pages(); !s.ok()) return s;
        if (Status s = save_template(options_.data_dir, invite_template()); !s.ok()) return s;
        warn();
        leader_->attach(*endpoint_, AsioDriver::now());
        if (!leader_->journal_status().ok()) return leader_->journal_status();
        set_timer();
        thread_ = std::thread([this] { run_io(); });
        return {};
    }

    template <class Question>
    auto ask(Question question) const -> std::optional<decltype(question(std::declval<Leader&>()))> {
        using Answer = decltype(question(std::declval<Leader&>()));
        auto promise = std::make_shared<std::promise<Answer>>();
        std::future<Answer> answer = promise->get_future();
        asio::post(io_, [this, promise, question] { promise->set_value(question(*leader_)); });
        promise.reset();
        if (answer.wait_for(kAskTimeout) != std::future_status::ready) return std::nullopt;
        return answer.get();
    }

    void order(std::function<void(Leader&, Instant)> what) {
        asio::post(io_, [this, what = std::move(what)] {
            what(*leader_, AsioDriver::now());
            driver_->poke();
            settle();
        });
    }

    Result<std::string> invite(uint64_t expires_s, const PeerId& peer) const {
        wire::Invite invite = invite_template();
        invite.expires_at_s = invite_end(expires_s);
        invite.peer = peer;
        return sign_invite(std::move(invite), identity_);
    }

    Status health() const {
        const std::lock_guard lock(mu_);
        return health_;
    }

    const ServerOptions& options() const { return options_; }
    const Address& address() const { return listening_; }
    const std::optional<Address>& http_address() const { return http_; }
    const Identity& identity() const { return identity_; }
    FencingToken fencing() const { return journal_->fencing(); }

private:
    Status open_links() {
        if (options_.tls) {
            Result<std::unique_ptr<TlsChannelFactory>> channels = TlsChannelFactory::create(identity_);
            if (!channels.ok()) return channels.error();
            channels_ = std::move(*channels);
        }
        group::CoordinatorConfig config;
        if (!options_.links.empty()) {
            Result<group::GivenLinks> links = read_links(options_.links);
            if (!links.ok()) return links.error();
            config.given_links = std::move(*links);
        }
        config.run = options_.run;
        config.options = options_.run_options;
        config.dial_back = options_.dial_back;
        if (options_.tls && !options_.open_admission) {
            config.admit = [run = options_.run, key = identity_.public_key()](const PeerId& peer,
                                                                              const std::string& token) {
                return check_token(token, {run, key, peer, seconds_since_1970()});
            };
        }
        Result<std::unique_ptr<Leader>> leader =
            Leader::create(std::move(config), *journal_, options_.log, AsioDriver::now());
        if (!leader.ok()) return leader.error();
        leader_ = std::move(*leader);
        driver_ = std::make_unique<AsioDriver>(io_);
        EndpointConfig endpoint;
        endpoint.id = identity_.id();
        endpoint.run_name = options_.run;
        endpoint.seed = random_u64();
        endpoint.is_coordinator = true;
        endpoint_ = std::make_unique<Endpoint>(endpoint, channels_.get(), *leader_, *driver_);
        driver_->attach(*endpoint_);
        driver_->after_events([this] { settle(); });
        const Result<Address> listening = driver_->listen(options_.listen);
        if (!listening.ok()) return listening.error();
        listening_ = *listening;
        if (options_.advertise.empty()) {
            if (!names_every_interface(options_.listen.host)) {
                options_.advertise = {{options_.listen.host, 0}};
            } else {  // what leads away from here; a name, which others may not be able to look up, too
                if (const auto away = interface_away()) options_.advertise.push_back({*away, 0});
                options_.advertise.push_back({host_name(), 0});
            }
        }
        for (Address& address : options_.advertise) {
            if (address.port == 0) address.port = listening_.port;
        }
        return {};
    }

    Status open_pages() {
        if (!options_.http) return {};
        Result<std::unique_ptr<HttpPages>> pages =
            HttpPages::start(io_, *options_.http, [this] { return leader_->snapshot(AsioDriver::now()); });
        if (!pages.ok()) return pages.error();
        pages_ = std::move(*pages);
        http_ = pages_->address();
        return {};
    }

    wire::Invite invite_template() const {
        wire::Invite invite;
        invite.run = options_.run;
        invite.tls = options_.tls;
        invite.coordinators = {{options_.advertise, options_.tls ? identity_.id() : PeerId{}}};
        return invite;
    }

    void warn() const {
        if (!options_.tls) {
            options_.log(
                "WARNING: security none: whoever reaches this port can read, change and join this run");
        } else if (options_.open_admission) {
            options_.log("WARNING: open admission: whoever reaches this port can join this run");
        }
    }

    // On the I/O thread from here on.
    void run_io() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are the program's business
        pthread_setname_np(pthread_self(), "whim-coord");
        const auto stay = asio::make_work_guard(io_);
        try {
            io_.run();
        } catch (const std::exception& problem) {
            fall_silent(fail(Code::E_INTERNAL, std::string("the I/O thread failed: ") + problem.what()));
        }
    }

    void settle() {
        if (!leader_->journal_status().ok() && health().ok()) {
            fall_silent(leader_->journal_status().error());
            for (const LinkKey& key : endpoint_->links()) endpoint_->close_link(key, AsioDriver::now());
        }
        set_timer();
    }

    void fall_silent(const Error& why) {
        options_.log("this coordinator no longer leads: " + why.detail);
        const std::lock_guard lock(mu_);
        health_ = why;
    }

    void set_timer() {
        const std::optional<Instant> at = leader_->deadline();
        if (at == timer_at_) return;
        timer_at_ = at;
        timer_.cancel();
        if (!at) return;
        timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(at->ns)));
        timer_.async_wait([this](const std::error_code& cancelled) {
            if (cancelled) return;
            timer_at_.reset();
            leader_->on_deadline(AsioDriver::now());
            driver_->poke();
            settle();
        });
    }

    ServerOptions options_;
    Identity identity_;
    Address listening_;
    std::optional<Address> http_;

    std::unique_ptr<Journal> journal_;
    std::unique_ptr<ChannelFactory> channels_;  // null: security none
    mutable asio::io_context io_{1};
    asio::steady_timer timer_{io_};
    std::optional<Instant> timer_at_;
    std::unique_ptr<AsioDriver> driver_;
    std::unique_ptr<Leader> leader_;
    std::unique_ptr<Endpoint> endpoint_;

    mutable std::mutex mu_;  // leaf
    Status health_;          // guarded by mu_

    std::thread thread_;
    std::unique_ptr<HttpPages> pages_;
};

CoordinatorServer::CoordinatorServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CoordinatorServer::~CoordinatorServer() = default;

Result<std::unique_ptr<CoordinatorServer>> CoordinatorServer::start(ServerOptions options) {
    auto impl = std::make_unique<Impl>(std::move(options));
    if (Status opened = impl->open(); !opened.ok()) return opened.error();
    return std::unique_ptr<CoordinatorServer>(new CoordinatorServer(std::move(impl)));
}

const std::string& CoordinatorServer::run() const { return impl_->options().run; }
const Address& CoordinatorServer::address() const { return impl_->address(); }
const std::optional<Address>& CoordinatorServer::http_address() const { return impl_->http_address(); }
const PeerId& CoordinatorServer::id() const { return impl_->identity().id(); }
FencingToken CoordinatorServer::fencing() const { return impl_->fencing(); }
Status CoordinatorServer::health() const { return impl_->health(); }

Result<std::string> CoordinatorServer::invite(uint64_t expires_s, const PeerId& peer) const {
    return impl_->invite(expires_s, peer);
}

std::optional<Snapshot> CoordinatorServer::snapshot() const {
    return impl_->ask([](Leader& leader) { return leader.snapshot(AsioDriver::now()); });
}

void CoordinatorServer::evict(const MemberId& member, const std::string& reason) {
    impl_->order([=](Leader& leader, Instant now) { leader.evict(member, reason, now); });
}

void CoordinatorServer::abort_round(const std::string& reason) {
    impl_->order([=](Leader& leader, Instant now) { leader.abort_round(reason, now); });
}

}  // namespace whim::coordinator
