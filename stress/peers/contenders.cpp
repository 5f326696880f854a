// The command lines of the comparison programs; they lie beside this one.
#include "stress/peers/contenders.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
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

Deadline deadline_of(const Cell& cell) {
    return Deadline(cell.patience.value_or(patience_for(cell.iterations)));
}

// Hears `shares` shares from one process.
void hear(Child& child, uint64_t shares, const Cell& cell, const Deadline& deadline, Totals& totals) {
    for (uint64_t i = 0; i < shares; ++i)
        totals.add(hear_share(cell.iterations,
                              [&](const std::string& word) { return child.expect(word, deadline.left()); }));
}

using Command = std::vector<std::string>;

void append(Command& command, const Command& more) {
    command.insert(command.end(), more.begin(), more.end());
}

// The program of a contender, with what every peer is told.
Command peer_command(const Contender& contender, const Cell& cell) {
    Command command = {
        program_of(contender),           "--bytes",    std::to_string(cell.bytes),    "--iters",
        std::to_string(cell.iterations), "--warm-ups", std::to_string(cell.warm_ups), "--rest-ms",
        std::to_string(cell.rest_ms)};
    if (cell.pinned) command.push_back("--pin");
    return command;
}

Totals run_whimbrel(const Contender& contender, const Cell& cell) {
    AllReduceRun run;
    run.peers = cell.peers;
    run.bytes = cell.bytes;
    run.iterations = cell.iterations;
    run.warm_ups = cell.warm_ups;
    run.rest_ms = cell.rest_ms;
    run.security = contender.security;
    run.places = cell.places;
    run.pinned = cell.pinned;
    run.patience = cell.patience;
    run.path = contender.implementation == "whimbrel-tcp" ? "tcp" : "auto";
    return measure_all_reduce(run).totals;
}

Totals run_gloo(const Contender& contender, const Cell& cell) {
    const ScratchDirectory scratch;
    std::vector<Child> children;
    for (uint64_t rank = 0; rank < cell.peers; ++rank) {
        const Place place = place_of(cell.places, rank);
        Command command = place.command;
        append(command, peer_command(contender, cell));
        append(command, {"--rank", std::to_string(rank), "--peers", std::to_string(cell.peers), "--algorithm",
                         contender.algorithm, "--store", scratch.path(), "--address", place.address});
        children.push_back(Child::start_program(command));
    }
    Totals totals(cell.iterations);
    const Deadline deadline = deadline_of(cell);
    for (auto& child : children) hear(child, 1, cell, deadline, totals);
    return totals;
}

// Open MPI starts a daemon on each other host by something like ssh. On an emulated WAN that is this script,
// which also gives each host a name of its own: daemons of one name would share memory.
std::string write_agent(const std::string& directory, const Places& places) {
    const std::string path = directory + "/agent";
    std::ofstream script(path);
    script << "#!/bin/sh\nhost=$1\nshift\ncase $host in\n";
    for (const auto& place : places) {
        script << place.name << ") exec";
        for (const auto& word : place.command) script << ' ' << word;
        script << " unshare --uts sh -c \"hostname $host; $*\" ;;\n";
    }
    script << "esac\n" << std::flush;
    if (!script || chmod(path.c_str(), 0700) != 0) throw std::runtime_error("cannot write " + path);
    return path;
}

// Where the ranks are, and how they get there.
Command mpi_launch(const Cell& cell, const std::string& directory) {
    if (cell.places.empty()) return {"--oversubscribe", "--mca", "plm", "isolated"};
    std::string hosts;
    for (const auto& place : cell.places) hosts += (hosts.empty() ? "" : ",") + place.name;
    return {"--host", hosts, "--mca", "plm", "rsh", "--mca", "plm_rsh_agent", directory + "/agent"};
}

// Over TCP alone, like the others. "yielding": a rank that waits gives its core away between looks, which
// Open MPI does by itself only where ranks outnumber cores.
Totals run_openmpi(const Contender& contender, const Cell& cell) {
    const ScratchDirectory scratch;
    const std::string device = place_of(cell.places, 0).device;
    std::vector<std::pair<std::string, std::string>> settings = {{"orte_tmpdir_base", scratch.path()},
                                                                 {"oob_tcp_if_include", device},
                                                                 {"pml", "ob1"},
                                                                 {"btl", "tcp,self"},
                                                                 {"btl_tcp_if_include", device},
                                                                 {"btl_tcp_disable_family", "6"},
                                                                 {"btl_base_warn_component_unused", "0"}};
    if (contender.algorithm == "tuned-yielding") settings.push_back({"mpi_yield_when_idle", "1"});
    Command command;
    if (!cell.places.empty())
        command = {write_agent(scratch.path(), cell.places), cell.places.front().name, "exec"};
    append(command,
           {"mpirun", "--allow-run-as-root", "--bind-to", "none", "-np", std::to_string(cell.peers)});
    append(command, mpi_launch(cell, scratch.path()));
    for (const auto& [name, value] : settings) append(command, {"--mca", name, value});
    append(command, peer_command(contender, cell));
    Child child = Child::start_program(command);
    Totals totals(cell.iterations);
    hear(child, cell.peers, cell, deadline_of(cell), totals);
    child.finish(Millis(kPatienceMs));
    return totals;
}

}  // namespace

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
