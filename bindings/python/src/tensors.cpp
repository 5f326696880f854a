// See tensors.h.
#include "tensors.h"

#include <string>

#include "errors.h"

namespace whim_python {
namespace {

bool is_list(const py::object& object) {
    return py::isinstance<py::list>(object) || py::isinstance<py::tuple>(object);
}

// x and out are what the two are called.
void add(Tensors& all, const py::object& in, const py::object& out, const std::string& x,
         const std::string& out_name) {
    const bool in_place = out.is_none() || out.is(in);
    const Buffer from = in_place ? writable_buffer_of(in, x.c_str()) : buffer_of(in, x.c_str());
    const Buffer into = in_place ? from : writable_buffer_of(out, out_name.c_str());
    if (from.count != into.count || from.dtype != into.dtype)
        raise_type_error(out_name + ": differs from " + x + " in size or dtype");
    if (!all.list.empty() && from.dtype != all.dtype)
        raise_type_error(x +
                         ": differs from x[0] in dtype; start one op for each dtype, with tags of their own");
    all.dtype = from.dtype;
    all.list.push_back({from.data, into.data, from.count});
    for (const py::object& object : {from.held, into.held, in, out}) all.held.append(object);
}

}  // namespace

Tensors tensors_of(const py::object& in, const py::object& out) {
    Tensors all;
    if (!is_list(in)) {
        add(all, in, out, "x", "out");
        return all;
    }
    const auto ins = py::reinterpret_steal<py::list>(PySequence_List(in.ptr()));
    const bool in_place = out.is_none() || out.is(in);
    if (!in_place && !is_list(out)) raise_type_error("out: x is a list, and this is not");
    const auto outs = in_place ? ins : py::reinterpret_steal<py::list>(PySequence_List(out.ptr()));
    if (ins.size() != outs.size())
        raise_type_error("out: " + std::to_string(outs.size()) + " arrays for the " +
                         std::to_string(ins.size()) + " of x");
    for (size_t i = 0; i < ins.size(); ++i) {
        std::string at = "[";  // one by one: GCC 12 warns of what it takes a longer expression for
        at += std::to_string(i);
        at += "]";
        add(all, py::object(ins[i]), py::object(outs[i]), "x" + at, "out" + at);
    }
    return all;
}

}  // namespace whim_python
