// See backup_workers.h. Times are seconds here.
#include "whimbrel/backup_workers.h"

#include <cmath>
#include <vector>

#include "backup_workers.h"
#include "errors.h"
#include "op.h"

#include <pybind11/stl.h>

namespace whim_python {
namespace {

using py::literals::operator""_a;

uint64_t ns_of(double seconds, const char* argument) {
    constexpr double kSecondsMax = 3e9;
    if (seconds >= 0 && seconds <= kSecondsMax) return static_cast<uint64_t>(std::llround(seconds * 1e9));
    throw py::value_error(std::string(argument) + ": seconds, from 0 to 3e9");
}

class Policy {
public:
    Policy(uint32_t members, double eta, uint32_t min_contributors_min, uint32_t window) {
        whim_backup_workers_options options = WHIM_BACKUP_WORKERS_OPTIONS_INIT;
        options.min_contributors_min = min_contributors_min;
        options.window = window;
        check(whim_backup_workers_create(members, eta, &options, &policy_));
    }
    ~Policy() { whim_backup_workers_destroy(policy_); }
    Policy(const Policy&) = delete;
    Policy& operator=(const Policy&) = delete;

    uint32_t choose() const { return whim_backup_workers_choose(policy_); }
    void resize(uint32_t members) { check(whim_backup_workers_resize(policy_, members)); }

    void observe(uint32_t contributors, const std::vector<double>& arrivals, double closed, double mean_norm2,
                 double variance, double loss) {
        std::vector<uint64_t> times;
        for (const double at : arrivals) times.push_back(ns_of(at, "arrivals"));
        whim_backup_workers_step step = WHIM_BACKUP_WORKERS_STEP_INIT;
        step.contributors = contributors;
        step.arrivals_ns = times.data();
        step.arrivals_len = static_cast<uint32_t>(times.size());
        step.closed_ns = ns_of(closed, "closed");
        step.mean_norm2 = mean_norm2;
        step.variance = variance;
        step.loss = loss;
        check(whim_backup_workers_observe(policy_, &step));
    }

    std::vector<double> measure(const std::shared_ptr<Op>& op, double own_norm2, double mean_norm2,
                                double loss) const {
        std::vector<double> list(whim_backup_workers_list_len(policy_));
        check(whim_backup_workers_measure(policy_, op->raw(), own_norm2, mean_norm2, loss, list.data()));
        return list;
    }
    void observe_list(const std::vector<double>& seen) {
        if (seen.size() != whim_backup_workers_list_len(policy_))
            throw py::value_error("seen: of another number of members");
        check(whim_backup_workers_observe_list(policy_, seen.data()));
    }

private:
    whim_backup_workers* policy_ = nullptr;
};

}  // namespace

void bind_backup_workers(py::module_& module) {
    py::class_<Policy>(module, "BackupWorkers")
        .def(py::init<uint32_t, double, uint32_t, uint32_t>(), "members"_a, "eta"_a, "min_contributors_min"_a,
             "window"_a)
        .def("choose", &Policy::choose)
        .def("resize", &Policy::resize, "members"_a)
        .def("observe", &Policy::observe, "contributors"_a, "arrivals"_a, "closed"_a, "mean_norm2"_a,
             "variance"_a, "loss"_a)
        .def("measure", &Policy::measure, "op"_a, "own_norm2"_a, "mean_norm2"_a, "loss"_a)
        .def("observe_list", &Policy::observe_list, "seen"_a);
}

}  // namespace whim_python
