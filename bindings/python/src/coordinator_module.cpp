// whimbrel._coordinator: a coordinator in this process. A module of its own, so that a trainer loads neither
// SQLite nor an HTTP server.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <utility>

#include "errors.h"
#include "whimbrel/coordinator.h"

namespace whim_python {
namespace {

using py::literals::operator""_a;
using Text = std::optional<std::string>;

const char* text_or_null(const Text& text) { return text ? text->c_str() : nullptr; }

// The coordinator's library keeps its own last error.
void check_coordinator(whim_result result) {
    if (result >= 0) return;
    whim_error error = WHIM_ERROR_INIT;
    whim_coordinator_last_error(&error);
    raise(result, error.detail);
}

class Coordinator {
public:
    Coordinator(const std::string& run, const std::string& data_dir, const std::string& security,
                const Text& listen, const Text& http, const Text& advertise, bool open_admission,
                uint32_t replicas_min, uint32_t round_grace_ms, uint32_t suspect_after_ms, bool dial_back) {
        whim_coordinator_options options = WHIM_COORDINATOR_OPTIONS_INIT;
        if (security != "tls" && security != "none")
            throw py::value_error("security: there are 'none', 'tls'");
        options.security = security == "tls" ? WHIM_SECURITY_TLS : WHIM_SECURITY_NONE;
        options.run = run.c_str();
        options.data_dir = data_dir.c_str();
        options.listen = text_or_null(listen);
        options.http = text_or_null(http);
        options.advertise = text_or_null(advertise);
        options.open_admission = open_admission ? 1 : 0;
        options.replicas_min = replicas_min;
        options.round_grace_ms = round_grace_ms;
        options.suspect_after_ms = suspect_after_ms;
        options.no_dial_back = dial_back ? 0 : 1;
        whim_result result;
        {
            const py::gil_scoped_release free;
            result = whim_coordinator_start(&options, &coordinator_);
        }
        check_coordinator(result);
    }
    ~Coordinator() { stop(); }
    Coordinator(const Coordinator&) = delete;
    Coordinator& operator=(const Coordinator&) = delete;

    void stop() {
        whim_coordinator* coordinator = std::exchange(coordinator_, nullptr);
        const py::gil_scoped_release free;
        whim_coordinator_stop(coordinator);
    }

    std::string address() const { return text(&whim_coordinator_address); }
    std::string http_address() const { return text(&whim_coordinator_http_address); }

    std::string invite(uint64_t expires_s) const {
        std::string out(WHIM_INVITE_SIZE, '\0');
        check_coordinator(whim_coordinator_invite(running(), expires_s, out.data(), out.size()));
        return out.c_str();
    }

private:
    const whim_coordinator* running() const {
        if (coordinator_ == nullptr) raise(WHIM_E_WRONG_STATE, "the coordinator was stopped");
        return coordinator_;
    }

    std::string text(whim_result (*get)(const whim_coordinator*, char*, size_t)) const {
        char out[WHIM_TEXT_MAX] = "";
        check_coordinator(get(running(), out, sizeof out));
        return out;
    }

    whim_coordinator* coordinator_ = nullptr;
};

}  // namespace
}  // namespace whim_python

PYBIND11_MODULE(_coordinator, module) {
    using whim_python::Coordinator;
    using whim_python::Text;
    using pybind11::literals::operator""_a;
    pybind11::class_<Coordinator>(module, "Coordinator")
        .def(pybind11::init<const std::string&, const std::string&, const std::string&, const Text&,
                            const Text&, const Text&, bool, uint32_t, uint32_t, uint32_t, bool>(),
             pybind11::kw_only(), "run"_a, "data_dir"_a, "security"_a, "listen"_a, "http"_a, "advertise"_a,
             "open_admission"_a, "replicas_min"_a, "round_grace_ms"_a, "suspect_after_ms"_a, "dial_back"_a)
        .def("stop", &Coordinator::stop)
        .def("address", &Coordinator::address)
        .def("http_address", &Coordinator::http_address)
        .def("invite", &Coordinator::invite, "expires_s"_a);
}
