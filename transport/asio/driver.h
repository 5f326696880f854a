// Sockets for one endpoint: dials, listens, reads, writes and tells the time. Standalone Asio, one thread.
//
// Order of life: io_context, driver, endpoint (or what holds it), attach(); ended in the reverse order, with
// the io_context not running or on its thread. Except for construction, attach() and listen() before the
// io_context runs, everything is called on its thread. Endpoint callbacks come from inside its handlers.
//
// The driver calls on_deadline() by itself: it looks at deadline() after whatever it fed to the endpoint.
// When the owner has called the endpoint from elsewhere, poke() makes it look again.
#pragma once

#include <functional>
#include <memory>

#include <asio/io_context.hpp>

#include "base/status.h"
#include "base/time.h"
#include "transport/session/endpoint.h"
#include "wire/address.h"

namespace whim {

// Threads that take work over from the one that drives the endpoint, which calls this.
class Helpers {
public:
    virtual ~Helpers() = default;
    virtual bool free() = 0;  // whether somebody would help now
    // Runs task(0) to task(count - 1), each once, on any threads; returns when all have returned.
    virtual void share(size_t count, const std::function<void(size_t)>& task) = 0;
};

class AsioDriver final : public StrandDriver {
public:
    explicit AsioDriver(asio::io_context& io);
    ~AsioDriver() override;  // closes every socket; no callback comes any more
    AsioDriver(const AsioDriver&) = delete;

    void attach(Endpoint& endpoint);
    // Called after each event in which the endpoint was fed: where an owner performs what it decided.
    void after_events(std::function<void()> then);

    // From now on processes of this machine are met through shared memory where both sides want it.
    void allow_same_host();

    // From now on strands that are ready together have their turns together while somebody helps: encryption,
    // with the calls that read and write. It must outlive the driver.
    void share_work(Helpers& helpers);

    // Where others dial us. An empty host means every interface, IPv6 and IPv4; port 0 takes a free one. The
    // answer names the port. May be called again for further addresses. E_BIND says what failed.
    Result<Address> listen(const Address& bind);

    void poke();

    // The machine's monotonic clock: std::chrono::steady_clock.
    static Instant now();

    void dial(StrandHandle strand, const Address& to) override;
    void close(StrandHandle strand) override;
    void wants_write(StrandHandle strand) override;
    std::optional<PathSample> sample(StrandHandle strand) override;
    void pace(StrandHandle strand, uint64_t bytes_per_second) override;
    void guide(StrandHandle strand, Congestion by) override;

private:
    class Core;
    std::shared_ptr<Core> core_;
};

}  // namespace whim
