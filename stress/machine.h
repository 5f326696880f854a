// What a measurement was made on and of: named in every line of results.
#pragma once

#include <string>

namespace stress {

std::string machine();  // "PROCESSOR, N cores"
std::string commit();   // short, of the working directory; "unknown" outside a checkout

}  // namespace stress
