// A file in which an operator wrote down what is known of the links between members, by their names.
#pragma once

#include <string>

#include "base/status.h"
#include "group/link_figures.h"

namespace whim::coordinator {

// In the form of collectives/plan/link_text.h. E_INVALID: what is wrong with it, and in which line.
Result<group::GivenLinks> read_links(const std::string& path);

}  // namespace whim::coordinator
