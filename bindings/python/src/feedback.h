// Registers _core.ErrorFeedback, a whim_error_feedback over Python's flat f32 arrays.
#pragma once

#include <pybind11/pybind11.h>

namespace whim_python {

void bind_feedback(pybind11::module_& module);

}  // namespace whim_python
