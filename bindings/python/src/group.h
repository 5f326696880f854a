// Registers _core.Group, a whim_group whose methods return Ops.
#pragma once

#include <pybind11/pybind11.h>

namespace whim_python {

void bind_group(pybind11::module_& module);

}  // namespace whim_python
