// whim_group_options checked, completed by the invite and by defaults.
#pragma once

#include "runtime/peer_options.h"
#include "whimbrel/group.h"

namespace whim::api {

Result<runtime::PeerOptions> peer_options(const whim_group_options* given);

}  // namespace whim::api
