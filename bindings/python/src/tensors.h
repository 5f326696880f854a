// What all_reduce is given: one array, or a list of them that one op takes together.
#pragma once

#include <vector>

#include "buffers.h"
#include "whimbrel/collectives.h"

namespace whim_python {

struct Tensors {
    std::vector<whim_tensor> list;
    uint32_t dtype = WHIM_F32;  // of all of them
    py::list held;              // keeps their memory
};

// in: an array, a list or a tuple; out: None (in place), or the same kind with as many. TypeError, naming the
// array, when one has no memory of the right size and dtype, or two have different dtypes.
Tensors tensors_of(const py::object& in, const py::object& out);

}  // namespace whim_python
