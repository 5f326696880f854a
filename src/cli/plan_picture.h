// A plan as people see it: trees as indented text, and as a picture with one panel for each large part.
#pragma once

#include <string>
#include <vector>

#include "collectives/plan/plan.h"

namespace whim::cli {

// names: of the members, by rank. Parts with the largest shares come first; small ones are counted.
std::string explained(const plan::Plan& plan, const std::vector<std::string>& names);
std::string svg_of(const plan::Plan& plan, const std::vector<std::string>& names, const std::string& title);

}  // namespace whim::cli
