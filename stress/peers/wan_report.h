// What one cell on an emulated WAN came to, beside what the path could have carried.
#pragma once

#include <vector>

#include "stress/peers/rounds.h"
#include "stress/peers/wan_path.h"

namespace stress {

void print_wan_table(const Cell& cell, const WanPath& path, const std::vector<Pooled>& best);
// One object a line: docs/how-to/stress-and-simulate.md says what the fields are.
void print_wan_json(const Cell& cell, const WanPath& path, const std::vector<Pooled>& best);

}  // namespace stress
