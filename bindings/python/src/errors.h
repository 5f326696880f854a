// From results of the C API to Python exceptions. The classes are in whimbrel/errors.py, made from
// status_list().
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "whimbrel/status.h"

namespace whim_python {

namespace py = pybind11;

// [(name, value, retryable, text)] of every result code.
py::list status_list();

// Throws the Python exception of a result. Holds the GIL.
[[noreturn]] void raise(whim_result result, const std::string& detail);

// Throws when a plain call failed; the detail is this thread's last error.
void check(whim_result result);

[[noreturn]] void raise_type_error(const std::string& text);

}  // namespace whim_python
