// One GET with a patience of seconds.
#include "cli/state_client.h"

#include <httplib.h>

#include <fmt/format.h>

#include "cli/commands.h"
#include "wire/address.h"

namespace whim::cli {

Result<StatePage> fetch_state(const std::string& http) {
    const Result<Address> address = parse_address(http);
    if (!address.ok()) return fail(Code::E_INVALID, "--http: " + address.error().detail);
    httplib::Client client(address->host, address->port);
    client.set_connection_timeout(5);
    client.set_read_timeout(5);
    const auto response = client.Get("/state");
    if (!response)
        return fail(Code::E_UNREACHABLE, fmt::format("{}: {}", http, httplib::to_string(response.error())));
    const bool journal_failed = response->status == 503;
    if (response->status != 200 && !journal_failed)
        return fail(Code::E_UNREACHABLE, fmt::format("{}: {} {}", http, response->status, response->body));
    return StatePage{response->body, journal_failed};
}

int end_of(const StatePage& page, const std::string& http) {
    if (page.journal_failed)
        return fail_with(http + ": the coordinator cannot write its journal; see its log");
    return 0;
}

}  // namespace whim::cli
