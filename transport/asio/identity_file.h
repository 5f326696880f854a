// Making identities, and keeping them in files that only their owner can read (mode 0600, 64 hex digits).
#pragma once

#include <string>

#include "base/status.h"
#include "transport/session/identity.h"

namespace whim {

Identity generate_identity();
Result<Identity> load_identity(const std::string& path);
// Never overwrites. The file appears whole or not at all, also when the machine stops in the middle.
Status save_identity(const Identity& identity, const std::string& path);

// The file's identity; a new one, saved there, when the file does not exist. Processes that make it at the
// same time agree on one.
Result<Identity> load_or_create_identity(const std::string& path);

}  // namespace whim
