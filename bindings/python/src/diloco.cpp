// See diloco.h.
#include "diloco.h"

#include <array>

#include "buffers.h"
#include "errors.h"
#include "whimbrel/collectives.h"
#include "whimbrel/experimental.h"

namespace whim_python {
namespace {

using py::literals::operator""_a;

const float* floats(const Buffer& buffer, size_t count, const char* argument) {
    if (buffer.dtype != WHIM_F32) raise_type_error(std::string(argument) + ": float32 is needed");
    if (buffer.count != count)
        throw py::value_error(std::string(argument) + ": has another number of elements");
    return static_cast<const float*>(buffer.data);
}

py::bytes digest_bytes(const std::array<uint8_t, WHIM_DIGEST_SIZE>& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

class Diloco {
public:
    Diloco(const py::object& initial, float outer_lr, float outer_momentum) {
        const Buffer buffer = buffer_of(initial, "initial");
        check(whim_diloco_create(floats(buffer, buffer.count, "initial"), buffer.count, outer_lr,
                                 outer_momentum, &diloco_));
    }
    ~Diloco() { whim_diloco_destroy(diloco_); }
    Diloco(const Diloco&) = delete;
    Diloco& operator=(const Diloco&) = delete;

    void contribute(const py::object& live, const py::object& out) const {
        const Buffer from = buffer_of(live, "live");
        const Buffer into = writable_buffer_of(out, "out");
        floats(into, state().count, "out");
        run([&, data = floats(from, state().count, "live")] {
            return whim_diloco_contribute(diloco_, data, static_cast<float*>(into.data));
        });
    }

    void apply(const py::object& mean) {
        const Buffer buffer = buffer_of(mean, "mean");
        run([&, data = floats(buffer, state().count, "mean")] { return whim_diloco_apply(diloco_, data); });
    }

    void commit() { check(whim_diloco_commit(diloco_)); }
    void abort() { check(whim_diloco_abort(diloco_)); }
    void heal(uint64_t steps) { check(whim_diloco_heal(diloco_, steps)); }

    py::bytes digest() const {
        std::array<uint8_t, WHIM_DIGEST_SIZE> out{};
        run([&] { return whim_diloco_digest(diloco_, out.data()); });
        return digest_bytes(out);
    }

    whim_diloco_state state() const {
        whim_diloco_state state = WHIM_DILOCO_STATE_INIT;
        check(whim_diloco_get_state(diloco_, &state));
        return state;
    }

private:
    // The GIL is free meanwhile: these touch every parameter.
    template <class Call> static void run(const Call& call) {
        whim_result result;
        {
            const py::gil_scoped_release free;
            result = call();
        }
        check(result);
    }

    whim_diloco* diloco_ = nullptr;
};

// The library's own memory as a flat float32 buffer; the object keeps its Diloco alive.
struct Floats {
    float* data;
    size_t count;
};

py::bytes digest_of(const py::object& object) {
    const Buffer buffer = buffer_of(object, "x");
    std::array<uint8_t, WHIM_DIGEST_SIZE> out{};
    check(whim_digest(buffer.data, buffer.bytes(), out.data()));
    return digest_bytes(out);
}

}  // namespace

void bind_diloco(py::module_& module) {
    py::class_<Floats>(module, "Floats", py::buffer_protocol())
        .def_buffer([](Floats& floats) {
            return py::buffer_info(floats.data, sizeof(float), py::format_descriptor<float>::format(), 1,
                                   {static_cast<py::ssize_t>(floats.count)}, {sizeof(float)});
        })
        .def("__len__", [](const Floats& floats) { return floats.count; });
    py::class_<Diloco>(module, "Diloco")
        .def(py::init<const py::object&, float, float>(), "initial"_a, "outer_lr"_a, "outer_momentum"_a)
        .def("contribute", &Diloco::contribute, "live"_a, "out"_a)
        .def("apply", &Diloco::apply, "mean"_a)
        .def("commit", &Diloco::commit)
        .def("abort", &Diloco::abort)
        .def("heal", &Diloco::heal, "steps"_a)
        .def("digest", &Diloco::digest)
        .def(
            "anchor",
            [](const Diloco& self) {
                return Floats{self.state().anchor, self.state().count};
            },
            py::keep_alive<0, 1>())
        .def(
            "momentum",
            [](const Diloco& self) {
                return Floats{self.state().momentum, self.state().momentum_count};
            },
            py::keep_alive<0, 1>())
        .def_property_readonly("steps", [](const Diloco& self) { return self.state().steps; })
        .def_property_readonly("provisional",
                               [](const Diloco& self) { return self.state().provisional != 0; });
    module.def("digest", &digest_of, "x"_a);
}

}  // namespace whim_python
