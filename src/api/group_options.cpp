// Each option: the application's word, else the invite's, else the default. Errors name the option.
#include "api/group_options.h"

#include <algorithm>

#include "api/addresses.h"
#include "api/structs.h"
#include "runtime/system.h"

namespace whim::api {
namespace {

std::string text_or(const char* given, std::string otherwise) {
    return given && *given ? std::string(given) : std::move(otherwise);
}

Status check_name(const std::string& name, const char* what) {
    if (name.size() <= limits::kNameBytesMax) return {};
    return invalid(fmt::format("{}: {} bytes; at most {}", what, name.size(), limits::kNameBytesMax));
}

// Where the wishes start from: the invite, or nothing but the security asked for.
Status set_origin(runtime::PeerOptions& out, const whim_group_options& in) {
    if (in.security > WHIM_SECURITY_NONE) return invalid(fmt::format("security {} is unknown", in.security));
    const auto wanted = static_cast<runtime::Security>(in.security);
    out.security = wanted;
    if (!in.invite || !*in.invite) return {};
    if (const Status read = runtime::apply_invite(in.invite, out); !read) return read;
    if (wanted == runtime::Security::none && out.security == runtime::Security::tls)
        return invalid("security: none, but the invite is to a run with TLS");
    return {};
}

Status set_names(runtime::PeerOptions& out, const whim_group_options& in) {
    out.run = text_or(in.run, out.run);
    out.name = text_or(in.name, runtime::default_name());
    out.region = text_or(in.region, "");
    if (out.run.empty()) return invalid("run: needed, as there is no invite");
    if (const Status ok = check_name(out.run, "run"); !ok) return ok;
    if (const Status ok = check_name(out.name, "name"); !ok) return ok;
    return check_name(out.region, "region");
}

Status set_places(runtime::PeerOptions& out, const whim_group_options& in) {
    auto listen = parse_address(text_or(in.listen, "0.0.0.0:0"));
    if (!listen) return invalid("listen: " + listen.error().detail);
    out.listen = *listen;
    auto advertise = parse_addresses(in.advertise, "advertise");
    if (!advertise) return advertise.error();
    if (advertise->size() > limits::kAddressesPerPeerMax)
        return invalid(fmt::format("advertise: {} addresses; at most {}", advertise->size(),
                                   limits::kAddressesPerPeerMax));
    out.advertise = std::move(*advertise);
    out.outbound_only = in.outbound_only != 0;
    out.require_reachable = in.require_reachable != 0;
    if (out.outbound_only && out.require_reachable)
        return invalid("require_reachable: not together with outbound_only");
    auto coordinators = parse_addresses(in.coordinators, "coordinators");
    if (!coordinators) return coordinators.error();
    if (!coordinators->empty()) {  // other places, but the same key: the token is for its holder only
        std::optional<PeerId> pin;
        for (const auto& place : out.coordinators) {
            if (pin && place.pin != pin)
                return invalid("coordinators: the invite names several, each with a key; leave these out");
            pin = place.pin;
        }
        out.coordinators.clear();
        for (auto& address : *coordinators) out.coordinators.push_back({{std::move(address)}, pin});
    }
    if (out.coordinators.empty()) return invalid("coordinators: needed, as there is no invite");
    return {};
}

Status set_numbers(runtime::PeerOptions& out, const whim_group_options& in) {
    out.bulk_strands = in.bulk_strands;
    out.worker_threads = in.worker_threads ? in.worker_threads
                                           : std::min(runtime::core_count(), limits::kWorkerThreadsDefault);
    if (in.chunk_bytes) out.chunk_bytes = in.chunk_bytes;
    if (in.retain_bytes_max) out.retain_bytes_max = in.retain_bytes_max;
    if (in.window_bytes) out.window_bytes = in.window_bytes;
    out.fingerprint = in.fingerprint;
    out.rate_limit = in.rate_limit;
    out.link_rate_limit = in.link_rate_limit;
    out.identity_file = text_or(in.identity_file, "");
    if (const Status ok = check_range(out.bulk_strands, 0, limits::kStrandsPerLinkMax - 1, "bulk_strands");
        !ok)
        return ok;
    if (const Status ok = check_range(out.worker_threads, 1, limits::kWorkerThreadsMax, "worker_threads");
        !ok)
        return ok;
    if (const Status ok =
            check_range(out.chunk_bytes, limits::kChunkBytesMin, limits::kBulkPayloadBytesMax, "chunk_bytes");
        !ok)
        return ok;
    if (in.window_bytes) {
        if (const Status ok = check_range(in.window_bytes, out.chunk_bytes, UINT64_MAX, "window_bytes"); !ok)
            return ok;
    }
    if (const Status ok = check_range(in.outbound_only, 0, 1, "outbound_only"); !ok) return ok;
    if (const Status ok =
            check_range(in.same_host_path, WHIM_SAME_HOST_AUTO, WHIM_SAME_HOST_TCP, "same_host_path");
        !ok)
        return ok;
    out.same_host_path = in.same_host_path == WHIM_SAME_HOST_AUTO;
    if (in.reserved_end != 0) return invalid(fmt::format("reserved_end {}: it is zero", in.reserved_end));
    if (const Status ok = check_range(in.require_reachable, 0, 1, "require_reachable"); !ok) return ok;
    if (in.reserved_tail != 0) return invalid(fmt::format("reserved_tail {}: it is zero", in.reserved_tail));
    return {};
}

}  // namespace

Result<runtime::PeerOptions> peer_options(const whim_group_options* given) {
    if (!given) return invalid("options is NULL: a run cannot be guessed");
    whim_group_options in;
    if (const Status ok = read_options(given, in, "options"); !ok) return ok.error();
    runtime::PeerOptions out;
    if (const Status ok = set_origin(out, in); !ok) return ok.error();
    if (const Status ok = set_names(out, in); !ok) return ok.error();
    if (const Status ok = set_places(out, in); !ok) return ok.error();
    if (const Status ok = set_numbers(out, in); !ok) return ok.error();
    return out;
}

}  // namespace whim::api
