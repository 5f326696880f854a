// What makes one peer: the application's wishes after the API has checked and completed them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/values.h"

namespace whim::runtime {

enum class Security : uint8_t { tls = 0, none = 1 };

struct CoordinatorPlace {
    std::vector<Address> addresses;
    std::optional<PeerId> pin;  // the key it must prove
};

struct PeerOptions {
    Security security = Security::tls;
    std::string run, token, name, region;
    std::vector<CoordinatorPlace> coordinators;
    Address listen;                  // host empty: every interface; port 0: a free one
    std::vector<Address> advertise;  // empty: found out; port 0: the one listened on
    bool outbound_only = false;      // nobody can dial this peer: advertises only what it is told to
    bool require_reachable = false;  // be refused rather than admitted when nobody can
    std::string identity_file;       // empty: a key for this process only
    uint64_t fingerprint = 0;
    uint32_t bulk_strands = 0;   // to each member; 0: found out by measuring
    bool same_host_path = true;  // memory shared with peers of this machine, where both want it
    uint32_t worker_threads = 1;
    uint32_t chunk_bytes = limits::kChunkBytesDefault;
    uint64_t retain_bytes_max = limits::kRetainBytesMaxDefault;
    uint64_t window_bytes = 0;                     // 0: fits the paths
    uint64_t rate_limit = 0, link_rate_limit = 0;  // bytes per second; 0: none
};

// Takes run, security, coordinators and token from an invite. E_TOKEN when it cannot be read.
Status apply_invite(std::string_view invite, PeerOptions& options);

}  // namespace whim::runtime
