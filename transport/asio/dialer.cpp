// Resolving and connecting.
#include "transport/asio/dialer.h"

#include <asio/error.hpp>
#include <asio/post.hpp>

#include "base/limits.h"

namespace whim {

Dialer::Dialer(asio::io_context& io, const Address& to, Connected connected, Failed failed)
    : to_(to), connected_(std::move(connected)), failed_(std::move(failed)), resolver_(io), socket_(io),
      timer_(io) {}

void Dialer::cancel() {
    done_ = true;
    connected_ = nullptr;
    failed_ = nullptr;
    resolver_.cancel();
    timer_.cancel();
    asio::error_code ignored;
    socket_.close(ignored);
}

void Dialer::start() {
    asio::error_code not_numeric;
    const asio::ip::address address = asio::ip::make_address(to_.host, not_numeric);
    if (!not_numeric) return start_with({tcp::endpoint(address, to_.port)});
    const auto flags = tcp::resolver::numeric_service | tcp::resolver::address_configured;
    resolver_.async_resolve(to_.host, std::to_string(to_.port), flags,
                            [self = shared_from_this()](const asio::error_code& error, const auto& results) {
                                if (self->done_) return;
                                for (const auto& result : results)
                                    self->candidates_.push_back(result.endpoint());
                                if (error || results.empty()) return self->fail(error, false);
                                self->try_next();
                            });
}

void Dialer::start_with(std::deque<tcp::endpoint> candidates) {
    candidates_ = std::move(candidates);
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
        if (!self->done_) self->try_next();
    });
}

void Dialer::try_next() {
    const tcp::endpoint candidate = candidates_.front();
    candidates_.pop_front();
    timed_out_ = false;
    if (!candidates_.empty()) {  // the last one has all the time the endpoint gives it
        timer_.expires_after(std::chrono::nanoseconds(limits::kDialCandidateTimeout.ns));
        timer_.async_wait(
            [self = shared_from_this(), left = candidates_.size()](const asio::error_code& cancelled) {
                const bool past = self->candidates_.size() != left;  // it went off as the next one began
                if (cancelled || self->done_ || past) return;
                self->timed_out_ = true;
                asio::error_code ignored;
                self->socket_.close(ignored);
            });
    }
    asio::error_code error;
    socket_.open(candidate.protocol(), error);
    if (error) {  // such as a family this machine does not have
        return asio::post(socket_.get_executor(), [self = shared_from_this(), error] {
            if (self->done_) return;
            self->timer_.cancel();
            self->failed_one(error);
        });
    }
    close_on_exec(socket_.native_handle());
    socket_.async_connect(candidate, [self = shared_from_this()](const asio::error_code& error) {
        if (self->done_) return;
        self->timer_.cancel();
        asio::error_code ignored;
        const bool connected = !error && self->socket_.is_open();
        // A dial to a free port of this machine can connect to itself.
        const bool to_itself =
            connected && self->socket_.local_endpoint(ignored) == self->socket_.remote_endpoint(ignored);
        if (connected && !to_itself) {
            self->done_ = true;
            return std::exchange(self->connected_, nullptr)(std::move(self->socket_));
        }
        self->socket_.close(ignored);
        self->failed_one(to_itself ? make_error_code(asio::error::connection_refused) : error);
    });
}

void Dialer::failed_one(const asio::error_code& error) {
    const bool refused = !timed_out_ && error == asio::error::connection_refused;
    if (!refused && !other_) other_ = {error, timed_out_};
    if (!candidates_.empty()) return try_next();
    if (other_) fail(other_->error, other_->timed_out);
    else fail(error, false);
}

void Dialer::fail(const asio::error_code& error, bool timed_out) {
    DialError kind = DialError::unreachable;
    if (timed_out || error == asio::error::timed_out) kind = DialError::timed_out;
    else if (error == asio::error::connection_refused) kind = DialError::refused;
    else if (error.category() == asio::error::get_netdb_category()) kind = DialError::name_unknown;
    done_ = true;
    const std::string why = timed_out ? "no answer in time" : reason_of(error);
    std::exchange(failed_, nullptr)(kind, "dial " + to_string(to_) + ": " + why);
}

}  // namespace whim
