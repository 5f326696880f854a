// Gossip in Python: functions over a _core.Group that return Ops, and what the info of one says.
#pragma once

#include <pybind11/pybind11.h>

#include "op.h"

namespace whim_python {

pybind11::object gossip_info(const Op& op);  // a dictionary, or None for other ops

void bind_gossip(pybind11::module_& module);

}  // namespace whim_python
