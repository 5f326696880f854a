// A whim_op in Python: waits that Ctrl-C interrupts, and Python objects kept alive until the op has
// completed.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "whimbrel/op.h"

namespace whim_python {

namespace py = pybind11;

// One op. Lives until its Python handle is gone *and* the op has completed, so dropping the handle never
// frees a buffer the library still uses. All members are touched under the GIL only.
class Op : public std::enable_shared_from_this<Op> {
public:
    // How often the op's group was interrupted. A wait has moments in which the library does not wait.
    using Interrupts = std::shared_ptr<uint64_t>;

    // Takes over `op`. keep: whatever the op borrows.
    static std::shared_ptr<Op> adopt(Interrupts interrupts, whim_op* op, py::list keep = py::list());
    ~Op();
    Op(const Op&) = delete;
    Op& operator=(const Op&) = delete;

    whim_result poll() const { return whim_op_poll(op_); }

    // The op's result, or WHIM_IN_PROGRESS after timeout_s (none: for ever). The GIL is free meanwhile;
    // signal handlers run at least every kSignalCheckMs, and what they raise ends the wait, not the op.
    whim_result wait(std::optional<double> timeout_s);

    void cancel();
    std::string waiting_for() const;
    py::tuple error() const;  // (result, detail)

    // Calls fn() once, on a library thread, when the op has completed; at once when it already has.
    void when_done(py::function fn);

    whim_op* raw() const { return op_; }

private:
    Op(Interrupts interrupts, whim_op* op, py::object keep)
        : interrupts_(std::move(interrupts)), op_(op), keep_(std::move(keep)) {}
    static void completed(whim_op* op, void* user);
    void on_completed();

    static constexpr uint32_t kSignalCheckMs = 100;

    Interrupts interrupts_;
    whim_op* op_;
    py::object keep_;
    std::vector<py::function> callbacks_;
    bool completed_ = false;
};

// What an op or its round brought, as dictionaries for whimbrel/values.py.
py::dict op_info(const Op& op);
py::dict round_info(const Op& op);
py::dict commit_info(const Op& op);
py::dict record_info(const Op& op);

py::dict member_dict(const whim_member& member);

void bind_op(py::module_& module);

}  // namespace whim_python
