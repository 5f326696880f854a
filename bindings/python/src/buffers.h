// Memory of Python objects: numpy arrays and anything else with the buffer protocol, torch tensors by DLPack.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>

namespace whim_python {

namespace py = pybind11;

// Contiguous CPU memory of a Python object. It stays where it is as long as `held` lives.
struct Buffer {
    void* data = nullptr;
    size_t count = 0;    // elements, over all dimensions
    uint32_t dtype = 0;  // whim_dtype
    size_t itemsize = 0;
    bool readonly = false;
    py::object held;

    size_t bytes() const { return count * itemsize; }
};

// TypeError, naming the argument and what to do, when the object has no such memory.
Buffer buffer_of(const py::object& object, const char* argument);

// The same for memory that will be written.
Buffer writable_buffer_of(const py::object& object, const char* argument);

}  // namespace whim_python
