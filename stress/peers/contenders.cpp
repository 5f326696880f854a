// The command lines of the comparison programs; they lie beside this one.
#include "stress/peers/contenders.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include "stress/all_reduce_peer.h"
#include "stress/peer.h"

namespace stress {
namespace {

const std::vector<Contender> kAll = {
    {"whimbrel", "direct", "none"},
    {"whimbrel", "direct", "tls"},
    {"whimbrel-tcp", "direct", "none"},
    {"whimbrel-tcp", "direct", "tls"},
    {"gloo", "ring", "none"},
    {"gloo", "ring-chunked", "none"},
    {"gloo", "halving-doubling", "none"},
    {"gloo", "new-ring", "none"},
    {"gloo", "new-bcube", "none"},
    {"openmpi", "tuned", "none"},
    {"openmpi", "tuned-yielding", "none"},
};

std::string program_of(const Contender& contender) {
    const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    return (here / (contender.implementation == "gloo" ? "peer_gloo" : "peer_mpi")).string();
}

bool is_built(const Contender& contender) {
    return contender.is_ours() || access(program_of(contender).c_str(), X_OK) == 0;
}

bool is_named(const Contender& contender, const std::string& name) {
    return name == contender.name() || name == contender.implementation ||
           name == contender.implementation + ":" + contender.algorithm;
}

// Hears `shares` shares from one process.
void hear(Child& child, uint64_t shares, uint64_t iterations, Totals& totals) {
    for (uint64_t i = 0; i < shares; ++i)
        totals.add(hear_share(iterations, [&](const std::string& word) {
            return child.expect(word, Millis(kPatienceMs) * (iterations + 1));
        }));
}

Totals run_whimbrel(const Contender& contender, const Cell& cell) {
    AllReduceRun run;
    run.peers = cell.peers;
    run.bytes = cell.bytes;
    run.iterations = cell.iterations;
    run.security = contender.security;
    run.path = contender.implementation == "whimbrel-tcp" ? "tcp" : "auto";
    return measure_all_reduce(run);
}

Totals run_gloo(const Contender& contender, const Cell& cell) {
    const ScratchDirectory scratch;
    std::vector<Child> children;
    for (uint64_t rank = 0; rank < cell.peers; ++rank)
        children.push_back(Child::start_program(
            {program_of(contender), "--rank", std::to_string(rank), "--peers", std::to_string(cell.peers),
             "--bytes", std::to_string(cell.bytes), "--iters", std::to_string(cell.iterations), "--algorithm",
             contender.algorithm, "--store", scratch.path()}));
    Totals totals(cell.iterations);
    for (auto& child : children) hear(child, 1, cell.iterations, totals);
    return totals;
}

// Over TCP alone, like the others. "yielding": a rank that waits gives its core away between looks, which
// Open MPI does by itself only where ranks outnumber cores.
Totals run_openmpi(const Contender& contender, const Cell& cell) {
    const ScratchDirectory scratch;
    std::vector<std::pair<std::string, std::string>> settings = {{"plm", "isolated"},
                                                                 {"orte_tmpdir_base", scratch.path()},
                                                                 {"oob_tcp_if_include", "lo"},
                                                                 {"pml", "ob1"},
                                                                 {"btl", "tcp,self"},
                                                                 {"btl_tcp_if_include", "lo"},
                                                                 {"btl_tcp_disable_family", "6"},
                                                                 {"btl_base_warn_component_unused", "0"}};
    if (contender.algorithm == "tuned-yielding") settings.push_back({"mpi_yield_when_idle", "1"});
    std::vector<std::string> command = {
        "mpirun", "--allow-run-as-root",     "--oversubscribe", "--bind-to", "none",
        "-np",    std::to_string(cell.peers)};
    for (const auto& [name, value] : settings) command.insert(command.end(), {"--mca", name, value});
    command.insert(command.end(), {program_of(contender), "--bytes", std::to_string(cell.bytes), "--iters",
                                   std::to_string(cell.iterations)});
    Child child = Child::start_program(command);
    Totals totals(cell.iterations);
    hear(child, cell.peers, cell.iterations, totals);
    child.finish(Millis(kPatienceMs));
    return totals;
}

}  // namespace

std::string Contender::name() const { return is_ours() ? implementation + "-" + security : implementation; }

std::vector<Contender> choose_contenders(const std::string& names) {
    std::vector<Contender> chosen;
    std::string missing;
    const auto take = [&](const Contender& contender) {
        if (is_built(contender)) chosen.push_back(contender);
        else if (!names.empty()) throw std::runtime_error(contender.implementation + " was not built");
        else if (missing != contender.implementation) {
            missing = contender.implementation;
            std::fprintf(stderr, "%s is left out: it was not there when the build was configured\n",
                         missing.c_str());
        }
    };
    if (names.empty())
        for (const auto& each : kAll) take(each);
    for (const auto& name : split(names)) {
        const size_t before = chosen.size();
        for (const auto& each : kAll)
            if (is_named(each, name)) take(each);
        if (chosen.size() == before) throw std::runtime_error("no implementation '" + name + "'");
    }
    return chosen;
}

Totals run_once(const Contender& contender, const Cell& cell) {
    if (contender.is_ours()) return run_whimbrel(contender, cell);
    return contender.implementation == "gloo" ? run_gloo(contender, cell) : run_openmpi(contender, cell);
}

}  // namespace stress
