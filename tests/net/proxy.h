// A TCP proxy for tests: passes bytes between a dialer and a listener, and breaks what passes through it.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <asio/connect.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>

#include "base/bytes.h"
#include "wire/address.h"

namespace whim::testing {

class Proxy {
public:
    Proxy() : acceptor_(io_, asio::ip::tcp::endpoint(asio::ip::tcp::v4(), 0)) {
        accept();
        thread_ = std::thread([this] { io_.run(); });
    }
    explicit Proxy(const Address& to) : Proxy() { lead_to(to); }
    ~Proxy() {
        io_.stop();
        thread_.join();
    }
    Address address() const { return {"127.0.0.1", acceptor_.local_endpoint().port()}; }
    // Where it leads; for connections that are made from now on.
    void lead_to(const Address& to) {
        asio::post(io_, [this, to] { to_ = {asio::ip::make_address(to.host), to.port}; });
    }
    uint64_t bytes_passed() const { return bytes_passed_; }
    // Takes nothing more from one connection in either direction, the nth that is open; neither end is told.
    void stall(size_t nth) {
        asio::post(io_, [this, nth] {
            size_t open = 0;
            for (const auto& weak : pipes_) {
                const auto pipe = weak.lock();
                if (pipe && open++ == nth) stalled_.push_back(pipe), pipe->stalled = true;
            }
        });
    }
    // From now on nothing passes and nobody is told, as behind a firewall that drops; connections that are
    // made meanwhile are taken and lead nowhere. Those from before stay dead when it is over.
    void swallow(bool on) {
        asio::post(io_, [this, on] {
            swallows_ = on;
            if (on) return;
            for (const auto& pipe : stalled_) pipe->a.close(), pipe->b.close();
            stalled_.clear();
        });
    }
    void break_all() {
        asio::post(io_, [this] {
            for (const auto& weak : pipes_) {
                const auto pipe = weak.lock();
                if (!pipe) continue;
                pipe->a.set_option(asio::socket_base::linger(true, 0));  // a reset, not an orderly end
                pipe->a.close();
                pipe->b.close();
            }
            pipes_.clear();
        });
    }

private:
    struct Pipe {
        explicit Pipe(asio::io_context& io) : a(io), b(io) {}
        asio::ip::tcp::socket a, b;
        Bytes ab = Bytes(1 << 16), ba = Bytes(1 << 16);
        bool stalled = false;
    };
    void accept() {
        acceptor_.async_accept([this](const asio::error_code& error, asio::ip::tcp::socket socket) {
            if (error) return;
            const auto pipe = std::make_shared<Pipe>(io_);
            pipe->a = std::move(socket);
            if (swallows_) {
                stalled_.push_back(pipe);
                return accept();
            }
            asio::error_code refused;
            pipe->b.connect(to_, refused);
            if (!refused) {
                pipes_.push_back(pipe);
                pass(pipe, pipe->a, pipe->b, pipe->ab);
                pass(pipe, pipe->b, pipe->a, pipe->ba);
            }
            accept();
        });
    }
    void pass(std::shared_ptr<Pipe> pipe, asio::ip::tcp::socket& from, asio::ip::tcp::socket& to,
              Bytes& buffer) {
        from.async_read_some(asio::buffer(buffer),
                             [this, pipe, &from, &to, &buffer](const asio::error_code& error, size_t got) {
                                 if (swallows_ && !pipe->stalled) {
                                     pipe->stalled = true;
                                     stalled_.push_back(pipe);
                                 }
                                 if (pipe->stalled) return;  // what it just read is lost with the rest
                                 asio::error_code broken = error;
                                 bytes_passed_ += got;
                                 if (!broken) asio::write(to, asio::buffer(buffer.data(), got), broken);
                                 if (!broken) return pass(pipe, from, to, buffer);
                                 pipe->a.close(broken);
                                 pipe->b.close(broken);
                             });
    }
    asio::io_context io_;
    asio::ip::tcp::endpoint to_;
    asio::ip::tcp::acceptor acceptor_;
    std::vector<std::weak_ptr<Pipe>> pipes_;
    std::vector<std::shared_ptr<Pipe>> stalled_;  // kept open
    bool swallows_ = false;
    std::atomic<uint64_t> bytes_passed_ = 0;
    std::thread thread_;
};

}  // namespace whim::testing
