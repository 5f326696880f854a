// Proves that the checkers bite: each planted bug must be found by a checker that watches the rule it breaks.
#pragma once

#include "tests/sim/sweep.h"

namespace whim::sim {

// Tries every planted bug on the seeds of options until it is caught as expected; prints each and a verdict.
// Returns the exit status.
int prove_plants(SweepOptions options);

}  // namespace whim::sim
