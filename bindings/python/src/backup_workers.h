// Registers _core.BackupWorkers, a whim_backup_workers.
#pragma once

#include <pybind11/pybind11.h>

namespace whim_python {

void bind_backup_workers(pybind11::module_& module);

}  // namespace whim_python
