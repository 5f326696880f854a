// Codecs and reducers of the application, which are tables in its native libraries.
#pragma once

#include <pybind11/pybind11.h>

namespace whim_python {

namespace py = pybind11;

void bind_custom(py::module_& module);

}  // namespace whim_python
