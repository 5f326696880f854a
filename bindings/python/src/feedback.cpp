// See feedback.h.
#include "feedback.h"

#include "buffers.h"
#include "errors.h"
#include "group.h"
#include "op.h"
#include "whimbrel/collectives.h"
#include "whimbrel/error_feedback.h"

namespace whim_python {
namespace {

using py::literals::operator""_a;

class Feedback {
public:
    Feedback(size_t count, float beta) : count_(count) {
        check(whim_error_feedback_create(count, beta, &feedback_));
    }
    ~Feedback() { whim_error_feedback_destroy(feedback_); }
    Feedback(const Feedback&) = delete;
    Feedback& operator=(const Feedback&) = delete;

    void apply(const py::object& update, const py::object& out) {
        const Buffer from = buffer_of(update, "update"), into = writable_buffer_of(out, "out");
        run([&, to = floats(into, "out"), data = floats(from, "update")] {
            return whim_error_feedback_apply(feedback_, data, to);
        });
    }

    // With a group the GIL is kept, so that nobody closes it meanwhile.
    void stage(const std::shared_ptr<Op>& op, const py::object& group) {
        if (!group.is_none())
            return check(whim_error_feedback_stage(feedback_, access(group).group, op->raw()));
        run([&] { return whim_error_feedback_stage(feedback_, nullptr, op->raw()); });
    }

    void commit() { check(whim_error_feedback_commit(feedback_)); }
    void abort() { check(whim_error_feedback_abort(feedback_)); }

    void save(const py::object& residual) const {
        const Buffer into = writable_buffer_of(residual, "residual");
        run([&, to = floats(into, "residual")] { return whim_error_feedback_save(feedback_, to); });
    }
    void restore(const py::object& residual) {
        const Buffer from = buffer_of(residual, "residual");
        run([&, data = floats(from, "residual")] { return whim_error_feedback_restore(feedback_, data); });
    }

    size_t count() const { return count_; }

private:
    float* floats(const Buffer& buffer, const char* argument) const {
        if (buffer.dtype != WHIM_F32) raise_type_error(std::string(argument) + ": float32 is needed");
        if (buffer.count != count_)
            throw py::value_error(std::string(argument) + ": has another number of elements");
        return static_cast<float*>(buffer.data);
    }

    // The GIL is free meanwhile: these touch every element.
    template <class Call> static void run(const Call& call) {
        whim_result result;
        {
            const py::gil_scoped_release free;
            result = call();
        }
        check(result);
    }

    const size_t count_;
    whim_error_feedback* feedback_ = nullptr;
};

}  // namespace

void bind_feedback(py::module_& module) {
    py::class_<Feedback>(module, "ErrorFeedback")
        .def(py::init<size_t, float>(), "count"_a, "beta"_a)
        .def("apply", &Feedback::apply, "update"_a, "out"_a)
        .def("stage", &Feedback::stage, "op"_a, "group"_a)
        .def("commit", &Feedback::commit)
        .def("abort", &Feedback::abort)
        .def("save", &Feedback::save, "residual"_a)
        .def("restore", &Feedback::restore, "residual"_a)
        .def("__len__", &Feedback::count);
}

}  // namespace whim_python
