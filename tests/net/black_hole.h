// A listener whose backlog is full: the kernel drops further attempts to connect, as a firewall does.
#pragma once

#include <vector>

#include <sys/socket.h>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

namespace whim::testing {

class BlackHole {
public:
    BlackHole() : full_(io_) {
        using asio::ip::tcp;
        full_.open(tcp::v4());
        full_.bind(tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
        full_.listen(0);
        for (int i = 0; i < 8; ++i) {
            auto& filler = fillers_.emplace_back(io_);
            filler.open(tcp::v4());
            filler.non_blocking(true);  // Asio's own connect would wait all the same
            const tcp::endpoint to = full_.local_endpoint();
            (void)::connect(filler.native_handle(), to.data(), static_cast<socklen_t>(to.size()));
        }
    }
    asio::ip::tcp::endpoint at() const { return full_.local_endpoint(); }

private:
    asio::io_context io_;
    asio::ip::tcp::acceptor full_;
    std::vector<asio::ip::tcp::socket> fillers_;
};

}  // namespace whim::testing
