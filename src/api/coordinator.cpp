// coordinator.h: the one part of the API that lives in libwhimbrel_coordinator.
#include "whimbrel/coordinator.h"

#include <memory>

#include "api/addresses.h"
#include "api/structs.h"
#include "coordinator/server.h"
#include "runtime/log.h"

using namespace whim;
using namespace whim::api;
using coordinator::CoordinatorServer;
using coordinator::ServerOptions;

struct whim_coordinator {
    std::unique_ptr<CoordinatorServer> server;
};

namespace {

constexpr uint32_t kRoundGraceMsMax = 3'600'000;  // the command's --round-grace-ms has the same

Status set_places(ServerOptions& out, const whim_coordinator_options& in) {
    if (!in.data_dir || !*in.data_dir) return invalid("data_dir: needed");
    out.data_dir = in.data_dir;
    auto listen = parse_address(in.listen && *in.listen ? in.listen : "0.0.0.0:7000");
    if (!listen) return invalid("listen: " + listen.error().detail);
    out.listen = *listen;
    if (in.http && *in.http) {
        auto http = parse_address(in.http);
        if (!http) return invalid("http: " + http.error().detail);
        out.http = *http;
    }
    auto advertise = parse_addresses(in.advertise, "advertise");
    if (!advertise) return advertise.error();
    if (advertise->size() > limits::kAddressesPerPeerMax)
        return invalid(fmt::format("advertise: {} addresses; at most {}", advertise->size(),
                                   limits::kAddressesPerPeerMax));
    out.advertise = std::move(*advertise);
    return {};
}

Status set_run(ServerOptions& out, const whim_coordinator_options& in) {
    if (!in.run || !*in.run) return invalid("run: needed");
    out.run = in.run;
    if (out.run.size() > limits::kNameBytesMax)
        return invalid(fmt::format("run: {} bytes; at most {}", out.run.size(), limits::kNameBytesMax));
    if (in.security > WHIM_SECURITY_NONE) return invalid(fmt::format("security {} is unknown", in.security));
    if (in.open_admission > 1)
        return invalid(fmt::format("open_admission {}: it is 0 or 1", in.open_admission));
    if (in.no_dial_back > 1) return invalid(fmt::format("no_dial_back {}: it is 0 or 1", in.no_dial_back));
    if (in.reserved != 0) return invalid(fmt::format("reserved {}: it is zero", in.reserved));
    out.dial_back = in.no_dial_back == 0;
    if (in.links) out.links = in.links;
    out.tls = in.security == WHIM_SECURITY_TLS;
    out.open_admission = in.open_admission == 1;
    auto& run = out.run_options;
    if (in.replicas_min) run.replicas_min = in.replicas_min;
    if (in.suspect_after_ms) run.suspect_after_ms = in.suspect_after_ms;
    run.round_grace_ms = in.round_grace_ms;
    if (const Status ok = check_range(run.replicas_min, 1, limits::kMembersMax, "replicas_min"); !ok)
        return ok;
    if (const Status ok = check_range(run.round_grace_ms, 0, kRoundGraceMsMax, "round_grace_ms"); !ok)
        return ok;
    return check_range(run.suspect_after_ms, limits::kSuspectAfterMsMin, limits::kSuspectAfterMsMax,
                       "suspect_after_ms");
}

Result<ServerOptions> server_options(const whim_coordinator_options* given) {
    if (!given) return invalid("options is NULL: run and data_dir cannot be guessed");
    whim_coordinator_options in;
    if (const Status ok = read_options(given, in, "options"); !ok) return ok.error();
    ServerOptions out;
    if (const Status ok = set_run(out, in); !ok) return ok.error();
    if (const Status ok = set_places(out, in); !ok) return ok.error();
    out.log = [log = in.log, user = in.log_user](const std::string& line) {
        const bool warning = line.rfind("WARNING", 0) == 0;
        if (log) log(warning ? WHIM_LOG_WARN : WHIM_LOG_INFO, "coordinator", line.c_str(), user);
        else
            runtime::log_write(warning ? runtime::LogLevel::warn : runtime::LogLevel::info, "coordinator",
                               line);
    };
    return out;
}

Status write_text(const whim_coordinator* coordinator, char* text, size_t text_size,
                  const std::string& value) {
    if (!coordinator) return invalid("coordinator is NULL");
    if (!text || text_size == 0) return invalid("there is no room for the text");
    copy_text(text, text_size, value);
    return {};
}

}  // namespace

extern "C" {

whim_result whim_coordinator_start(const whim_coordinator_options* options, whim_coordinator** coordinator) {
    return carry_out([&]() -> Status {
        if (!coordinator) return invalid("coordinator is NULL: the handle must go somewhere");
        auto wishes = server_options(options);
        if (!wishes) return wishes.error();
        auto server = CoordinatorServer::start(std::move(*wishes));
        if (!server) return server.error();
        *coordinator = new whim_coordinator{std::move(*server)};
        return {};
    });
}

void whim_coordinator_stop(whim_coordinator* coordinator) { delete coordinator; }

whim_result whim_coordinator_address(const whim_coordinator* coordinator, char* text, size_t text_size) {
    return carry_out([&] {
        return write_text(coordinator, text, text_size,
                          coordinator ? to_string(coordinator->server->address()) : "");
    });
}

whim_result whim_coordinator_http_address(const whim_coordinator* coordinator, char* text, size_t text_size) {
    return carry_out([&] {
        const bool has = coordinator && coordinator->server->http_address();
        return write_text(coordinator, text, text_size,
                          has ? to_string(*coordinator->server->http_address()) : "");
    });
}

whim_result whim_coordinator_invite(const whim_coordinator* coordinator, uint64_t expires_s, char* text,
                                    size_t text_size) {
    return carry_out([&]() -> Status {
        if (!coordinator) return invalid("coordinator is NULL");
        const auto invite = coordinator->server->invite(expires_s);
        if (!invite) return invite.error();
        if (text_size <= invite->size())
            return invalid(fmt::format("text_size {}: the invite needs {}", text_size, invite->size() + 1));
        return write_text(coordinator, text, text_size, *invite);
    });
}

whim_result whim_coordinator_last_error(whim_error* error) {
    return carry_out([&] { return write_last_error(error); });
}

}  // extern "C"
