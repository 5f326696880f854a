// A GET-only HTTP/1.1 responder: one request a connection, then it closes
// (docs/decisions/0006-http-pages-on-the-io-thread.md).
#include "coordinator/http_pages.h"

#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include <fmt/format.h>
#include <asio/buffer.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include "base/limits.h"
#include "coordinator/http_head.h"
#include "transport/asio/listener.h"

namespace whim::coordinator {
namespace {

// One connection: reads a head, writes the answer, waits for the other side to have read it.
class Visitor : public std::enable_shared_from_this<Visitor> {
public:
    using Answer = std::function<std::string(const HttpHead&)>;
    using Gone = std::function<void(const Visitor*)>;

    Visitor(tcp::socket socket, Answer answer, Gone gone)
        : socket_(std::move(socket)), timer_(socket_.get_executor()), answer_(std::move(answer)),
          gone_(std::move(gone)) {
        set_up(socket_);
    }

    void start() {
        timer_.expires_after(std::chrono::nanoseconds(limits::kHttpTimeout.ns));
        timer_.async_wait([self = shared_from_this()](const asio::error_code& cancelled) {
            if (!cancelled) self->close();
        });
        read();
    }

    void close() {
        if (!gone_) return;
        const auto self = shared_from_this();  // the list of visitors lets go of us
        asio::error_code ignored;
        socket_.close(ignored);
        timer_.cancel();
        answer_ = nullptr;
        std::exchange(gone_, nullptr)(this);
    }

private:
    void read() {
        const auto into = asio::buffer(head_.data() + got_, head_.size() - got_);
        socket_.async_read_some(into,
                                [self = shared_from_this()](const asio::error_code& error, size_t bytes) {
                                    if (!self->gone_) return;
                                    if (error) return self->close();
                                    self->got_ += bytes;
                                    self->consider();
                                });
    }

    void consider() {
        const HttpHead head = read_http_head({head_.data(), got_});
        if (head.status == 0) return read();
        out_ = answer_(head);
        asio::async_write(socket_, asio::buffer(out_),
                          [self = shared_from_this()](const asio::error_code& error, size_t) {
                              if (!self->gone_) return;
                              if (error) return self->close();
                              asio::error_code ignored;
                              self->socket_.shutdown(tcp::socket::shutdown_send, ignored);
                              self->drain();
                          });
    }

    // Closing with bytes unread resets the connection, and the other side may lose the answer.
    void drain() {
        socket_.async_read_some(asio::buffer(head_),
                                [self = shared_from_this()](const asio::error_code& error, size_t) {
                                    if (!self->gone_) return;
                                    if (error) return self->close();
                                    self->drain();
                                });
    }

    tcp::socket socket_;
    asio::steady_timer timer_;
    Answer answer_;
    Gone gone_;  // null once closed
    std::array<char, limits::kHttpHeadBytesMax> head_;
    size_t got_ = 0;
    std::string out_;
};

constexpr const char* kPlain = "text/plain; charset=utf-8";
constexpr const char* kIndex =
    "whimbrel coordinator\n\n/healthz  200 while it leads\n/metrics  OpenMetrics\n/state    JSON\n";

}  // namespace

class HttpPages::Impl {
public:
    Impl(asio::io_context& io, Ask snapshot) : io_(io), snapshot_(std::move(snapshot)) {}

    Status listen(const Address& address) {
        listener_ = std::make_shared<Listener>(
            io_, [this](tcp::socket socket, const Address&) { welcome(std::move(socket)); });
        const Result<Address> bound = listener_->open(address);
        if (!bound.ok()) return fail(bound.error().code, "HTTP pages: " + bound.error().detail);
        address_ = *bound;
        return {};
    }

    void close() {
        listener_->close();
        while (!visitors_.empty()) visitors_.front()->close();
    }

    const Address& address() const { return address_; }

private:
    void welcome(tcp::socket socket) {
        if (visitors_.size() >= limits::kHttpConnectionsMax) visitors_.front()->close();
        const auto visitor = std::make_shared<Visitor>(
            std::move(socket), [this](const HttpHead& head) { return answer(head); },
            [this](const Visitor* gone) {
                std::erase_if(visitors_, [gone](const auto& visitor) { return visitor.get() == gone; });
            });
        visitors_.push_back(visitor);
        visitor->start();
    }

    std::string answer(const HttpHead& head) const {
        if (head.status != 200) {
            return http_response(head, head.status, kPlain, fmt::format("error {}\n", head.status));
        }
        try {
            return page(head);
        } catch (const std::exception& problem) {  // a page is not worth the coordinator
            return http_response(head, 500, kPlain, fmt::format("{}\n", problem.what()));
        }
    }

    // A coordinator whose journal has failed still shows what it knows, with a status that says it does not
    // lead.
    std::string page(const HttpHead& head) const {
        if (head.path == "/") return http_response(head, 200, kPlain, kIndex);
        const bool health = head.path == "/healthz", metrics = head.path == "/metrics";
        if (!health && !metrics && head.path != "/state") {
            return http_response(head, 404, kPlain, "no such page\n");
        }
        const Snapshot snapshot = snapshot_();
        const int status = snapshot.journal_error.empty() ? 200 : 503;
        if (health) {
            const std::string text = status == 200 ? "ok" : snapshot.journal_error;
            return http_response(head, status, kPlain, text + "\n");
        }
        if (metrics) {
            constexpr const char* kType = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            return http_response(head, status, kType, metrics_text(snapshot));
        }
        return http_response(head, status, "application/json", state_json(snapshot));
    }

    asio::io_context& io_;
    Ask snapshot_;
    Address address_;
    std::shared_ptr<Listener> listener_;
    std::deque<std::shared_ptr<Visitor>> visitors_;  // oldest first
};

HttpPages::HttpPages(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpPages::~HttpPages() { impl_->close(); }
const Address& HttpPages::address() const { return impl_->address(); }

Result<std::unique_ptr<HttpPages>> HttpPages::start(asio::io_context& io, const Address& listen,
                                                    Ask snapshot) {
    auto impl = std::make_unique<Impl>(io, std::move(snapshot));
    if (Status status = impl->listen(listen); !status.ok()) return status.error();
    return std::unique_ptr<HttpPages>(new HttpPages(std::move(impl)));
}

}  // namespace whim::coordinator
