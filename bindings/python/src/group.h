// Registers _core.Group, a whim_group whose methods return Ops.
#pragma once

#include <pybind11/pybind11.h>

#include "op.h"
#include "whimbrel/group.h"

namespace whim_python {

// What functions outside the class start ops with, under the GIL.
struct GroupAccess {
    whim_group* group;
    Op::Interrupts interrupts;
};
GroupAccess access(const pybind11::object& group);  // of a _core.Group; throws when it is closed

void bind_group(pybind11::module_& module);

}  // namespace whim_python
