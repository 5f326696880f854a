// Registers _core.Diloco and _core.digest: the outer algorithm of the C++ core over Python's flat f32 arrays.
#pragma once

#include <pybind11/pybind11.h>

namespace whim_python {

void bind_diloco(pybind11::module_& module);

}  // namespace whim_python
