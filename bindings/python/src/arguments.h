// Arguments of calls as the C API wants them, with errors in words.
#pragma once

#include <pybind11/pybind11.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <string>

#include "errors.h"

namespace whim_python {

namespace py = pybind11;

inline uint32_t choice(const char* what, const std::string& name,
                       const std::map<std::string, uint32_t>& choices) {
    const auto hit = choices.find(name);
    if (hit != choices.end()) return hit->second;
    std::string known;
    for (const auto& [key, value] : choices) known += (known.empty() ? "'" : ", '") + key + "'";
    throw py::value_error(std::string(what) + ": there is no '" + name + "'; there are " + known);
}

// A whole number of T's range. pybind11's own words about others would be a list of signatures.
template <class T> T whole_number(const char* what, const py::object& number, uint64_t least = 0) {
    const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(number.ptr()));
    if (!index) {
        PyErr_Clear();
        raise_type_error(std::string(what) + ": a whole number is needed, not " +
                         Py_TYPE(number.ptr())->tp_name);
    }
    constexpr uint64_t kMost = std::numeric_limits<T>::max();
    const uint64_t value = PyLong_AsUnsignedLongLong(index.ptr());
    const bool fits = !PyErr_Occurred();
    PyErr_Clear();
    if (!fits || value < least || value > kMost)
        throw py::value_error(std::string(what) + " " + std::string(py::str(index)) + ": from " +
                              std::to_string(least) + " to " + std::to_string(kMost));
    return static_cast<T>(value);
}

// Rounded up, as 0 means "none"; the slack is for seconds that are milliseconds but for their last bits.
inline uint32_t milliseconds(const char* what, double seconds) {
    if (!(seconds >= 0)) throw py::value_error(std::string(what) + ": 0 or more seconds are needed");
    return static_cast<uint32_t>(std::clamp(std::ceil(seconds * 1000 * (1 - 1e-12)), 0.0, 4294967295.0));
}

}  // namespace whim_python
