// HTTP by cpp-httplib, in this file only.
#include "coordinator/http_pages.h"

#include <httplib.h>

#include <chrono>
#include <csignal>
#include <thread>

#include <fmt/format.h>

namespace whim::coordinator {
namespace {

constexpr size_t kHttpThreads = 2;
constexpr size_t kHttpBodyBytesMax = 4096;
constexpr time_t kHttpTimeoutS = 5;

}  // namespace

class HttpPages::Impl {
public:
    Impl(const Address& listen, Ask snapshot) : address_(listen), snapshot_(std::move(snapshot)) {
        signal(SIGPIPE,
               program_s_own_);  // the constructor of Server has changed it; our threads block it instead
        server_.new_task_queue = [] { return new httplib::ThreadPool(kHttpThreads); };
        server_.set_payload_max_length(kHttpBodyBytesMax);
        server_.set_read_timeout(kHttpTimeoutS);
        server_.set_write_timeout(kHttpTimeoutS);
        server_.set_keep_alive_max_count(16);
        server_.Get("/", [](const httplib::Request&, httplib::Response& response) {
            response.set_content(
                "whimbrel coordinator\n\n/healthz  200 while it leads\n/metrics  OpenMetrics\n"
                "/state    JSON\n",
                "text/plain");
        });
        page("/healthz", "text/plain", [](const Snapshot&) { return std::string("ok\n"); });
        page("/metrics", "application/openmetrics-text; version=1.0.0; charset=utf-8", metrics_text);
        page("/state", "application/json", state_json);
    }

    ~Impl() {
        server_.stop();
        if (thread_.joinable()) thread_.join();
    }

    Status listen() {
        const std::string host = address_.host.empty() ? "0.0.0.0" : address_.host;
        const int port = address_.port == 0 ? server_.bind_to_any_port(host) : address_.port;
        const bool bound = address_.port == 0 ? port > 0 : server_.bind_to_port(host, address_.port);
        if (!bound) return fail(Code::E_BIND, fmt::format("cannot serve HTTP on {}", to_string(address_)));
        address_.port = static_cast<uint16_t>(port);
        thread_ = std::thread([this] {
            sigset_t all;
            sigfillset(&all);
            pthread_sigmask(SIG_BLOCK, &all, nullptr);
            server_.listen_after_bind();
        });
        while (!server_.is_running())
            std::this_thread::sleep_for(std::chrono::milliseconds(1));  // stop() needs that
        return {};
    }

    const Address& address() const { return address_; }

private:
    template <class Render> void page(const char* path, const char* type, Render render) {
        server_.Get(path, [this, type, render](const httplib::Request&, httplib::Response& response) {
            const std::optional<Snapshot> snapshot = snapshot_();
            if (snapshot && snapshot->journal_error.empty())
                return response.set_content(render(*snapshot), type);
            response.status = 503;
            response.set_content(
                snapshot ? snapshot->journal_error + "\n" : "the coordinator does not answer\n",
                "text/plain");
        });
    }

    Address address_;
    Ask snapshot_;
    decltype(SIG_DFL) program_s_own_ = signal(SIGPIPE, SIG_IGN);  // before server_ is made
    httplib::Server server_;
    std::thread thread_;
};

HttpPages::HttpPages(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpPages::~HttpPages() = default;
const Address& HttpPages::address() const { return impl_->address(); }

Result<std::unique_ptr<HttpPages>> HttpPages::start(const Address& listen, Ask snapshot) {
    auto impl = std::make_unique<Impl>(listen, std::move(snapshot));
    if (Status status = impl->listen(); !status.ok()) return status.error();
    return std::unique_ptr<HttpPages>(new HttpPages(std::move(impl)));
}

}  // namespace whim::coordinator
