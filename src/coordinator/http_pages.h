// The coordinator's HTTP pages, served by a thread of their own: /healthz, /metrics, /state.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/status.h"
#include "coordinator/snapshot.h"
#include "wire/address.h"

namespace whim::coordinator {

class HttpPages {
public:
    // snapshot: asked on the HTTP threads, once per page; nullopt when the coordinator does not answer in
    // time.
    using Ask = std::function<std::optional<Snapshot>()>;

    static Result<std::unique_ptr<HttpPages>> start(const Address& listen, Ask snapshot);  // E_BIND
    ~HttpPages();
    const Address& address() const;  // with the real port

private:
    class Impl;
    explicit HttpPages(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace whim::coordinator
