// See errors.h.
#include "errors.h"

namespace whim_python {

py::list status_list() {
    py::list codes;
#define WHIM_X(name, value, retryable, text)                                                                 \
    codes.append(py::make_tuple(#name, value, (retryable) != 0, text));
    WHIM_STATUS_LIST(WHIM_X)
#undef WHIM_X
    return codes;
}

void raise(whim_result result, const std::string& detail) {
    const py::object error = py::module_::import("whimbrel.errors").attr("make_error")(result, detail);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
    throw py::error_already_set();
}

void check(whim_result result) {
    if (result >= 0) return;
    whim_error error = WHIM_ERROR_INIT;
    whim_last_error(&error);
    raise(result, error.result == result ? error.detail : whim_result_text(result));
}

void raise_type_error(const std::string& text) { throw py::type_error(text); }

}  // namespace whim_python
