// whim_group_options checked, completed by the invite and by defaults.
#pragma once

#include "base/status.h"
#include "runtime/peer_options.h"
#include "whimbrel/group.h"

namespace whim::api {

Result<runtime::PeerOptions> peer_options(const whim_group_options* given);

// "HOST:PORT,HOST:PORT"; what names the option in errors.
Result<std::vector<Address>> parse_addresses(const char* text, const char* what);

}  // namespace whim::api
