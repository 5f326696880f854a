// One coordinator as a running thing: journal, key, sockets and HTTP pages, on a thread of its own.
//
// Its I/O thread owns leader, endpoint, sockets and pages; the functions here may be called from any thread.
// The destructor ends that thread first, then the rest on its own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/status.h"
#include "coordinator/snapshot.h"
#include "wire/values.h"

namespace whim::coordinator {

struct ServerOptions {
    std::string run;                 // empty: the run of the directory, or "default" in a new one
    std::string data_dir;            // journal and key; made when it does not exist
    Address listen{"", 7000};        // port 0: a free one
    std::optional<Address> http;     // nullopt: no pages
    std::vector<Address> advertise;  // where peers reach it; empty: found out; port 0: the one listened on
    bool tls = true;                 // false: security none
    bool open_admission = false;     // admit without a token
    std::string links;               // file of what is known of links (links_file.h); empty: none
    bool dial_back = true;           // dial who wants to join before it is admitted
    wire::RunOptions run_options;
    std::function<void(const std::string&)>
        log;  // one printable line; called on the I/O thread. Empty: stderr
};

class CoordinatorServer {
public:
    // Returns once it listens. E_INVALID, E_STORE, E_BIND, E_SYSTEM; the detail names the option or path.
    static Result<std::unique_ptr<CoordinatorServer>> start(ServerOptions options);
    ~CoordinatorServer();  // stops it; peers see it go away, no more

    const std::string& run() const;
    const Address& address() const;  // listened on, with the real port
    const std::optional<Address>& http_address() const;
    const PeerId& id() const;
    FencingToken fencing() const;

    // An invite that admits until it expires, anybody or one peer.
    Result<std::string> invite(uint64_t expires_s, const PeerId& peer = {}) const;

    std::optional<Snapshot> snapshot() const;  // nullopt: the I/O thread does not answer
    Status health() const;                     // E_STORE once the journal has failed: it no longer leads

    // Operator's orders.
    void evict(const MemberId& member, const std::string& reason);
    void abort_round(const std::string& reason);

private:
    class Impl;
    explicit CoordinatorServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace whim::coordinator
