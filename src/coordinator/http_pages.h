// The coordinator's HTTP pages, served on its I/O thread: /healthz, /metrics, /state.
//
// Made and destroyed while the io_context does not run. Whatever connects gets limits::kHttpTimeout in all,
// and limits::kHttpConnectionsMax may be connected at once; the oldest makes way for the next.
#pragma once

#include <functional>
#include <memory>

#include <asio/io_context.hpp>

#include "base/status.h"
#include "coordinator/snapshot.h"
#include "wire/address.h"

namespace whim::coordinator {

class HttpPages {
public:
    using Ask = std::function<Snapshot()>;  // called on the I/O thread, once per page

    // E_BIND names the address.
    static Result<std::unique_ptr<HttpPages>> start(asio::io_context& io, const Address& listen,
                                                    Ask snapshot);
    ~HttpPages();
    const Address& address() const;  // with the real port

private:
    class Impl;
    explicit HttpPages(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace whim::coordinator
