// whimbrel._core: groups, ops and outer algorithms. The user's layer is the Python package around it.
#include <pybind11/pybind11.h>

#include "backup_workers.h"
#include "custom.h"
#include "diloco.h"
#include "errors.h"
#include "feedback.h"
#include "gossip.h"
#include "group.h"
#include "op.h"
#include "whimbrel/log.h"
#include "whimbrel/version.h"

PYBIND11_MODULE(_core, module) {
    namespace py = pybind11;
    module.def("version", [] { return whim_version_text(); });
    module.def("status_list", &whim_python::status_list);
    module.def(
        "log_filter",
        [](const std::string& filter) { whim_python::check(whim_log_set_filter(filter.c_str())); },
        py::arg("filter"));
    whim_python::bind_op(module);
    whim_python::bind_group(module);
    whim_python::bind_custom(module);
    whim_python::bind_gossip(module);
    whim_python::bind_diloco(module);
    whim_python::bind_feedback(module);
    whim_python::bind_backup_workers(module);
}
