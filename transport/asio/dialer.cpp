// Resolving and racing.
#include "transport/asio/dialer.h"

#include <algorithm>
#include <utility>

#include <asio/error.hpp>
#include <asio/post.hpp>

#include "base/limits.h"

namespace whim {

Dialer::Dialer(asio::io_context& io, const Address& to, Connected connected, Failed failed)
    : io_(io), to_(to), connected_(std::move(connected)), failed_(std::move(failed)), timer_(io) {}

void Dialer::close_all() {
    timer_.cancel();
    asio::error_code ignored;
    for (const AttemptPtr& attempt : std::exchange(attempts_, {})) attempt->socket.close(ignored);
}

void Dialer::cancel() {
    done_ = true;
    connected_ = nullptr;
    failed_ = nullptr;
    if (lookup_) std::exchange(lookup_, nullptr)->cancel();
    close_all();
}

void Dialer::start() {
    asio::error_code not_numeric;
    const asio::ip::address address = asio::ip::make_address(to_.host, not_numeric);
    if (!not_numeric) return start_with({tcp::endpoint(address, to_.port)});
    lookup_ = look_up(io_, to_, [self = shared_from_this()](const asio::error_code& error, auto found) {
        if (self->lookup_) std::exchange(self->lookup_, nullptr)->cancel();  // its thread is done with io
        if (self->done_) return;
        if (error || found.empty()) return self->fail(error);
        self->candidates_ = interleaved(found);
        self->try_next();
    });
}

void Dialer::start_with(std::deque<tcp::endpoint> candidates) {
    candidates_ = interleaved(candidates);
    asio::post(io_, [self = shared_from_this()] {
        if (!self->done_) self->try_next();
    });
}

std::deque<tcp::endpoint> Dialer::interleaved(const std::deque<tcp::endpoint>& candidates) {
    std::deque<tcp::endpoint> first, second, all;
    for (const tcp::endpoint& c : candidates)
        (c.protocol() == candidates.front().protocol() ? first : second).push_back(c);
    while (!first.empty() || !second.empty()) {
        for (std::deque<tcp::endpoint>* family : {&first, &second}) {
            if (family->empty()) continue;
            all.push_back(family->front());
            family->pop_front();
        }
    }
    return all;
}

void Dialer::try_next() {
    if (candidates_.empty()) return;
    const auto attempt = std::make_shared<Attempt>(Attempt{candidates_.front(), tcp::socket(io_)});
    candidates_.pop_front();
    attempts_.push_back(attempt);
    if (!candidates_.empty()) {
        timer_.expires_after(std::chrono::nanoseconds(limits::kAttemptDelay.ns));
        timer_.async_wait(
            [self = shared_from_this(), left = candidates_.size()](const asio::error_code& off) {
                const bool past = self->candidates_.size() != left;  // it went off as the next one began
                if (!off && !self->done_ && !past) self->try_next();
            });
    }
    asio::error_code error;
    attempt->socket.open(attempt->to.protocol(), error);
    if (error) {  // such as a family this machine does not have
        return asio::post(io_, [self = shared_from_this(), attempt, error] {
            if (!self->done_) self->failed_one(attempt, error);
        });
    }
    close_on_exec(attempt->socket.native_handle());
    attempt->socket.async_connect(
        attempt->to, [self = shared_from_this(), attempt](const asio::error_code& connect_error) {
            if (!self->done_) self->connected(attempt, connect_error);
        });
}

void Dialer::connected(const AttemptPtr& attempt, const asio::error_code& error) {
    if (error) return failed_one(attempt, error);
    // A dial to a free port of this machine can connect to itself.
    asio::error_code ignored;
    if (attempt->socket.local_endpoint(ignored) == attempt->socket.remote_endpoint(ignored))
        return failed_one(attempt, make_error_code(asio::error::connection_refused));
    done_ = true;
    std::erase(attempts_, attempt);
    close_all();
    failed_ = nullptr;
    std::exchange(connected_, nullptr)(std::move(attempt->socket));
}

void Dialer::failed_one(const AttemptPtr& attempt, const asio::error_code& error) {
    std::erase(attempts_, attempt);
    asio::error_code ignored;
    attempt->socket.close(ignored);
    if (error != asio::error::connection_refused && !other_) other_ = error;
    if (!candidates_.empty()) return try_next();
    if (attempts_.empty()) fail(other_.value_or(error));
}

void Dialer::fail(const asio::error_code& error) {
    DialError kind = DialError::unreachable;
    if (error == asio::error::timed_out) kind = DialError::timed_out;
    else if (error == asio::error::connection_refused) kind = DialError::refused;
    else if (error.category() == asio::error::get_netdb_category()) kind = DialError::name_unknown;
    done_ = true;
    timer_.cancel();
    connected_ = nullptr;
    std::exchange(failed_, nullptr)(kind, reason_of(error));
}

}  // namespace whim
