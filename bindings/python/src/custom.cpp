// See custom.h. An address is that of a whim_codec or whim_reducer; whimbrel/native.py finds it. Its
// functions are called without the GIL, and never want it.
#include "custom.h"

#include <string>

#include "errors.h"
#include "group.h"
#include "whimbrel/custom.h"

namespace whim_python {
namespace {

using py::literals::operator""_a;

template <class Table> const Table* table_at(uintptr_t address) {
    return reinterpret_cast<const Table*>(address);
}

// The report, and whether nothing in it is broken.
template <class Table, class Call> py::tuple try_out(uintptr_t address, Call conformance) {
    std::string report(4096, '\0');
    whim_result result;
    {
        const py::gil_scoped_release free;
        result = conformance(table_at<Table>(address), report.data(), report.size());
    }
    if (result != WHIM_E_BROKEN_CONTRACT) check(result);
    return py::make_tuple(result == WHIM_OK, report.c_str());
}

}  // namespace

void bind_custom(py::module_& module) {
    module.def(
        "add_codec",
        [](const py::object& group, uintptr_t address) {
            check(whim_group_add_codec(access(group).group, table_at<whim_codec>(address)));
        },
        "group"_a, "address"_a);
    module.def(
        "add_reducer",
        [](const py::object& group, uintptr_t address) {
            check(whim_group_add_reducer(access(group).group, table_at<whim_reducer>(address)));
        },
        "group"_a, "address"_a);
    module.def(
        "codec_conformance",
        [](uintptr_t address) { return try_out<whim_codec>(address, whim_codec_conformance); }, "address"_a);
    module.def(
        "reducer_conformance",
        [](uintptr_t address) { return try_out<whim_reducer>(address, whim_reducer_conformance); },
        "address"_a);
}

}  // namespace whim_python
