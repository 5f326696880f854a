// See op.h.
#include "op.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "errors.h"

namespace whim_python {

std::shared_ptr<Op> Op::adopt(Interrupts interrupts, whim_op* op, py::list keep) {
    std::shared_ptr<Op> mine(new Op(std::move(interrupts), op, std::move(keep)));
    // The library holds one reference, given back by completed(). Without a callback (the group is being
    // destroyed) it is never given back: the buffers stay, which is safe and rare.
    auto* reference = new std::shared_ptr<Op>(mine);
    whim_op_on_complete(op, &Op::completed, reference);
    return mine;
}

Op::~Op() { whim_op_release(op_); }

void Op::completed(whim_op*, void* user) {
    const py::gil_scoped_acquire gil;
    auto* reference = static_cast<std::shared_ptr<Op>*>(user);
    (*reference)->on_completed();
    delete reference;
}

void Op::on_completed() {
    completed_ = true;
    keep_ = py::object();
    for (const py::function& fn : std::exchange(callbacks_, {})) {
        try {
            fn();
        } catch (py::error_already_set& error) {
            error.discard_as_unraisable("whimbrel: a callback of an op");
        }
    }
}

whim_result Op::wait(std::optional<double> timeout_s) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    const uint64_t interrupts_before = *interrupts_;
    for (;;) {
        uint32_t slice_ms = kSignalCheckMs;
        if (timeout_s) {
            const double left_s = *timeout_s - std::chrono::duration<double>(Clock::now() - start).count();
            slice_ms = static_cast<uint32_t>(std::clamp(left_s * 1000 + 0.999, 0.0, double{kSignalCheckMs}));
        }
        whim_result result;
        {
            const py::gil_scoped_release free;
            result = whim_op_wait(op_, slice_ms);
        }
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
        if (result != WHIM_IN_PROGRESS) return result;
        if (*interrupts_ != interrupts_before) return WHIM_E_INTERRUPTED;
        if (slice_ms == 0) return result;
    }
}

void Op::cancel() { check(whim_op_cancel(op_)); }

std::string Op::waiting_for() const {
    char text[WHIM_TEXT_MAX] = "";
    {
        const py::gil_scoped_release free;
        whim_op_waiting_for(op_, text, sizeof text);
    }
    return text;
}

py::tuple Op::error() const {
    whim_error error = WHIM_ERROR_INIT;
    check(whim_op_error(op_, &error));
    return py::make_tuple(error.result, std::string(error.detail));
}

void Op::when_done(py::function fn) {
    if (completed_) {
        fn();
    } else {
        callbacks_.push_back(std::move(fn));
    }
}

void bind_op(py::module_& module) {
    py::class_<Op, std::shared_ptr<Op>>(module, "Op")
        .def("poll", &Op::poll)
        .def("wait", &Op::wait, py::arg("timeout_s") = py::none())
        .def("cancel", &Op::cancel)
        .def("waiting_for", &Op::waiting_for)
        .def("error", &Op::error)
        .def("when_done", &Op::when_done, py::arg("fn"))
        .def("info", &op_info)
        .def("round_info", &round_info)
        .def("commit_info", &commit_info)
        .def("record_info", &record_info);
}

}  // namespace whim_python
