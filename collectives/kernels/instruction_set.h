// Which instruction set the kernels run on: for reports and tests. It never changes results.
#pragma once

#include <string_view>

namespace whim::kernels {

std::string_view instruction_set();  // Highway's name, such as "AVX2" or "NEON"

}  // namespace whim::kernels
