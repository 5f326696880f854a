// Binding and accepting.
#include "transport/asio/listener.h"

#include "base/limits.h"

namespace whim {

Listener::Listener(asio::io_context& io, Accepted accepted)
    : accepted_(std::move(accepted)), acceptor_(io), pause_(io) {}

void Listener::close() {
    accepted_ = nullptr;
    asio::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
}

asio::error_code Listener::bind(const tcp::endpoint& to) {
    asio::error_code error;
    acceptor_.close(error);
    acceptor_.open(to.protocol(), error);
    if (!error) close_on_exec(acceptor_.native_handle());
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && to.protocol() == tcp::v6()) {
        const bool only = !to.address().is_unspecified();  // [::] takes IPv4 too
        acceptor_.set_option(asio::ip::v6_only(only), error);
    }
    if (!error) acceptor_.bind(to, error);
    if (!error) acceptor_.listen(tcp::acceptor::max_listen_connections, error);
    return error;
}

Result<Address> Listener::open(const Address& address) {
    asio::error_code error;
    if (address.host.empty()) {
        error = bind(tcp::endpoint(tcp::v6(), address.port));
        if (error && error != asio::error::address_in_use)
            error = bind(tcp::endpoint(tcp::v4(), address.port));
    } else {
        tcp::resolver resolver(acceptor_.get_executor());
        const auto found = resolver.resolve(address.host, std::to_string(address.port),
                                            tcp::resolver::numeric_service | tcp::resolver::passive, error);
        if (!error) error = bind(found.begin()->endpoint());
    }
    if (error) return fail(Code::E_BIND, "listen " + to_string(address) + ": " + reason_of(error));
    accept();
    return Address{address.host, acceptor_.local_endpoint(error).port()};
}

tcp::endpoint Listener::bound() const {
    asio::error_code ignored;
    return acceptor_.local_endpoint(ignored);
}

void Listener::accept() {
    acceptor_.async_accept([self = shared_from_this()](const asio::error_code& error, tcp::socket socket) {
        if (!self->accepted_) return;
        asio::error_code gone;
        const tcp::endpoint from = error ? tcp::endpoint() : socket.remote_endpoint(gone);
        if (!error && !gone) self->accepted_(std::move(socket), to_address(from));
        if (!self->accepted_) return;
        if (!error) return self->accept();
        self->pause_.expires_after(
            std::chrono::nanoseconds(limits::kAcceptPause.ns));  // descriptors may come free
        self->pause_.async_wait([self](const asio::error_code& cancelled) {
            if (!cancelled && self->accepted_) self->accept();
        });
    });
}

}  // namespace whim
