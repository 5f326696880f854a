// Fetches the page that `whimbrel state` and `whimbrel links` show.
#pragma once

#include <string>

#include "base/status.h"

namespace whim::cli {

struct StatePage {
    std::string body;             // JSON, as the coordinator made it
    bool journal_failed = false;  // it does not lead any more, and still says what it knows
};

Result<StatePage> fetch_state(const std::string& http);  // HOST:PORT

// What a command returns whose page was told in spite of a failed journal: 0, or 1 with the reason on stderr.
int end_of(const StatePage& page, const std::string& http);

}  // namespace whim::cli
