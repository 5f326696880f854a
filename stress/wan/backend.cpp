// Whether a kernel has a qdisc is found out by adding it: the modules may only be loaded then.
#include "stress/wan/backend.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "stress/wan/netns.h"

namespace stress::wan {
namespace {

bool may_make_namespaces() {
    const pid_t child = fork();
    if (child == 0) _exit(unshare(CLONE_NEWNET) == 0 ? 0 : 1);
    int status = 1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

std::optional<std::string> why_no_netem() try {
    const Inside scratch;
    for (const auto& line : probes()) run(line);
    return std::nullopt;
} catch (const Error& problem) { return problem.what(); }

}  // namespace

std::optional<std::string> why_no_labs() {
    if (geteuid() != 0) return "an emulated WAN needs root";
    if (!may_make_namespaces()) return "an emulated WAN needs the right to make network namespaces";
    if (std::system("ip -V >/dev/null 2>&1") != 0) return "an emulated WAN needs `ip` of iproute2";
    return std::nullopt;
}

std::optional<std::string> why_unavailable(Backend backend) {
    if (auto reason = why_no_labs()) return reason;
    if (backend == Backend::netem) return why_no_netem();
    if (access("/dev/net/tun", R_OK | W_OK) == 0) return std::nullopt;
    return std::string("an emulated WAN needs /dev/net/tun: ") + std::strerror(errno);
}

Choice choose_backend(const std::string& word) {
    if (word != "auto" && word != "tun" && word != "netem")
        throw Error("no backend '" + word + "'; there are auto, tun and netem");
    if (word != "auto") {
        const Backend wanted = word == "tun" ? Backend::tun : Backend::netem;
        if (const auto reason = why_unavailable(wanted)) return {std::nullopt, *reason};
        return {wanted, "asked for"};
    }
    const auto no_netem = why_unavailable(Backend::netem);
    if (!no_netem) return {Backend::netem, "the kernel has it"};
    const auto no_tun = why_unavailable(Backend::tun);
    if (!no_tun) return {Backend::tun, "without tc netem: " + *no_netem};
    return {std::nullopt, *no_tun == *no_netem ? *no_tun : *no_tun + "; " + *no_netem};
}

}  // namespace stress::wan
