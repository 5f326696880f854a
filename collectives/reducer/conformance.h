// reducer_conformance: whether a reducer of the application keeps its contract, as far as trying can tell.
//
// Every property is tried with each of its dtypes, few and many contributors, awkward counts and data, small
// ones first; of each that is broken the first case found is told, with its input. The function is called on
// this thread, between guard bytes. The same reducer gives the same report.
#pragma once

#include <string>

#include "collectives/reducer/custom_reducer.h"

namespace whim {

struct ReducerReport {
    bool good = false;
    std::string text;  // one line that sums up, then one for each broken property: "NAME: what, input"
};

// Asserted: check_reducer says OK.
ReducerReport reducer_conformance(const ReducerParts& parts);

}  // namespace whim
