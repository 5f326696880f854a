// One connected stream and the endpoint's strand on it: moves bytes as far as the other side takes them, in
// turns, and waits for readiness only when it does not. Buffers are the endpoint's own; nothing is copied.
#pragma once

#include <memory>
#include <string>

#include "transport/asio/byte_stream.h"
#include "transport/session/endpoint.h"

namespace whim {

class Connection : public std::enable_shared_from_this<Connection> {
public:
    // What a connection needs of its driver.
    class Host {
    public:
        virtual ~Host() = default;
        virtual Endpoint& endpoint() = 0;
        virtual Instant now() const = 0;
        virtual void ended(StrandHandle strand, const std::string& detail) = 0;  // tells the endpoint
        virtual void event_done() = 0;
        // Whether strands that are ready at the same time have their turn together. Then it is told of them,
        // and calls read() or write(), or the two with work that several may do at once.
        virtual bool gathers() const = 0;
        virtual void readable(StrandHandle strand) = 0;
        virtual void writable(StrandHandle strand) = 0;
    };

    Connection(Host& host, std::shared_ptr<ByteStream> stream, StrandHandle strand);
    void start_reading();
    void read();   // a turn
    void write();  // until there is nothing, or the other side takes no more
    void close();  // quietly; no further call of the host

    // A turn whose first half may be on any thread, while nothing else happens to connection and endpoint.
    struct Moved {
        size_t bytes = 0;
        bool all = false;  // there may be more
        asio::error_code error;
    };
    Moved move(Opening& work) const;
    Moved move(Sealing& work) const;
    bool have_read(const Moved& moved);     // after end_opening(); false: no more for now
    bool have_written(const Moved& moved);  // after end_sealing(); the same
    bool takes() const { return host_ && !waiting_writable_; }

    std::optional<PathSample> sample() const;
    void pace(uint64_t bytes_per_second);
    void guide(Congestion by);

private:
    void wait_readable();
    void wait_writable();
    void learn_kind();
    void finish(const asio::error_code& error);

    Host* host_;  // null once closed
    const std::shared_ptr<ByteStream> stream_;
    const StrandHandle strand_;
    bool waiting_writable_ = false;
    bool kind_known_ = false, bulk_ = false;
    bool backlogged_ = false;  // its last turn at reading found much
};

}  // namespace whim
