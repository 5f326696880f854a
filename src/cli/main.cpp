// The whimbrel command: coordinator, invite, state, links, plan, bench, version.
#include <CLI/CLI.hpp>

#include <cstdio>

#include "cli/commands.h"
#include "cli/words.h"
#include "whimbrel/version.h"

namespace whim::cli {

int fail_with(const std::string& what) {
    std::fprintf(stderr, "whimbrel: %s\n", what.c_str());
    return 1;
}

namespace {

std::string check_bytes(const std::string& text) {
    return bytes_of(text) ? std::string() : text + ": write a number and KiB, MiB or GiB";
}

std::string check_range(const std::string& text) {
    const size_t dots = text.find("..");
    if (dots == std::string::npos) return check_bytes(text);
    return check_bytes(text.substr(0, dots)) + check_bytes(text.substr(dots + 2));
}

std::string check_rate(const std::string& text) {
    if (rate_of(text)) return {};
    return text + ": write a number and bit, kbit, mbit or gbit, or B/s, kB/s, MB/s or GB/s";
}

void set_range(BenchAllReduceCommand& command, const std::string& text) {
    const size_t dots = text.find("..");
    command.bytes_from = *bytes_of(text.substr(0, dots));
    command.bytes_to = dots == std::string::npos ? command.bytes_from : *bytes_of(text.substr(dots + 2));
}

void add_rate(CLI::App* to, const char* flag, uint64_t& bytes_per_s, const char* what) {
    const auto set = [&bytes_per_s](const std::string& text) { bytes_per_s = *rate_of(text); };
    to->add_option_function<std::string>(flag, set, what)->check(check_rate);
}

void add_bench_options(CLI::App* b, BenchOptions& run) {
    b->add_option("--invite", run.invite, "To the coordinator of the benchmark");
    b->add_option("--coordinator", run.coordinator,
                  "Instead, on one machine: HOST:PORT where this process coordinates; it prints the invite");
    b->add_option("--peers", run.peers, "How many machines run this")->check(CLI::Range(2, 64))->required();
    b->add_option("--name", run.name, "What the others call this peer. Default: HOSTNAME/PID");
    b->add_option("--listen", run.listen, "Where the others connect, HOST:PORT")->capture_default_str();
    b->add_option("--advertise", run.advertise, "Where the others reach it, when that differs");
    b->add_option("--security", run.security, "tls or none, of --coordinator")
        ->check(CLI::IsMember({"tls", "none"}))
        ->capture_default_str();
    add_rate(b, "--rate-limit", run.rate_limit,
             "Most that this peer sends, over all links together: 100mbit, 12.5MB/s");
    add_rate(b, "--link-rate-limit", run.link_rate_limit, "The same for each link");
}

int run(int argc, char** argv) {
    CLI::App app("Fault-tolerant collectives for decentralised training.", "whimbrel");
    app.require_subcommand(1);

    CoordinatorCommand coordinator;
    CLI::App* c = app.add_subcommand("coordinator", "Runs a coordinator until SIGINT or SIGTERM.");
    c->add_option("--listen", coordinator.listen, "Where peers connect, HOST:PORT; port 0 takes a free one")
        ->capture_default_str();
    c->add_option("--http", coordinator.http, "Where /healthz, /metrics and /state are served, HOST:PORT");
    c->add_option("--data", coordinator.data,
                  "Journal and key; made when it does not exist, resumed when it does")
        ->required();
    c->add_option("--run", coordinator.run, "The run's name; not needed for a directory that has one");
    c->add_option(
        "--advertise", coordinator.advertise,
        "Where peers reach it, HOST:PORT, for invites; may be repeated, up to 8 times. Default: the "
        "address that leads to other machines, and the host name");
    c->add_option("--security", coordinator.security, "tls or none")
        ->check(CLI::IsMember({"tls", "none"}))
        ->capture_default_str();
    c->add_flag("--open", coordinator.open, "Admit peers without an invite");
    c->add_option(
        "--links", coordinator.links,
        "file of what is known of the links between members, for planning (docs/explanation/planning.md)");
    c->add_flag("--no-dial-back", coordinator.no_dial_back,
                "Admit peers without dialling the addresses they advertise");
    c->add_option("--replicas-min", coordinator.replicas_min, "Members below which no round begins")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    c->add_option("--round-grace-ms", coordinator.round_grace_ms,
                  "How long a round waits for the late; 0 adapts to the run")
        ->check(CLI::Range(0, 3'600'000))
        ->capture_default_str();
    c->add_option("--suspect-after-ms", coordinator.suspect_after_ms, "Silence before a peer is suspected")
        ->check(CLI::Range(100, 600'000))
        ->capture_default_str();

    InviteCommand invite;
    CLI::App* i = app.add_subcommand("invite", "Prints an invite for the run of a coordinator's directory.");
    i->add_option("--data", invite.data, "The coordinator's directory")->required();
    i->add_option("--address", invite.addresses,
                  "Where peers reach the coordinator, HOST:PORT; may be repeated. "
                  "Default: what the coordinator advertised last");
    i->add_option("--ttl", invite.ttl, "How long it admits: 90s, 15m, 24h or 30d")->capture_default_str();
    i->add_option("--peer", invite.peer, "The only peer it admits, by its id of 64 hex digits");

    StateCommand state;
    CLI::App* s = app.add_subcommand("state", "Prints who is in, who is slow and why.");
    s->add_option("--http", state.http, "The coordinator's HTTP address, HOST:PORT")->capture_default_str();
    s->add_flag("--json", state.json, "The page as it is");

    LinksCommand links;
    CLI::App* l = app.add_subcommand("links", "Prints what members measured on their links to each other.");
    l->add_option("--http", links.http, "The coordinator's HTTP address, HOST:PORT")->capture_default_str();
    l->add_flag("--json", links.json, "Members and links as JSON");

    PlanCommand plan;
    std::string plan_bytes = "64MiB";
    CLI::App* p =
        app.add_subcommand("plan", "Prints which plan an all-reduce would have on given links, and why.");
    p->add_option("--matrix", plan.matrix, "File with hosts, round trips and rates")->required();
    p->add_option("--bytes", plan_bytes, "Of the buffer")->check(check_bytes)->capture_default_str();
    p->add_option("--wire-bits", plan.wire_bits, "Of an f32 element on the wire")
        ->check(CLI::Range(1, 32))
        ->capture_default_str();
    p->add_flag("--needs-all", plan.needs_all, "The reducer sees all contributions side by side");
    p->add_flag("--explain", plan.explain, "Draws the trees");
    p->add_option("--svg", plan.svg, "File for a picture of them");
    p->add_flag("--json", plan.json, "One object");

    CLI::App* b = app.add_subcommand("bench", "Measures between machines that all run the same command.");
    b->require_subcommand(1);
    BenchLinksCommand bench_links;
    std::string bench_links_bytes = "16MiB";
    CLI::App* bl = b->add_subcommand("links", "Round trip and rate of each pair.");
    add_bench_options(bl, bench_links.run);
    bl->add_option("--bytes", bench_links_bytes, "Sent over each link")
        ->check(check_bytes)
        ->capture_default_str();
    bool one_at_a_time = false, all_at_once = false;
    CLI::Option* pairs = bl->add_flag("--one-at-a-time", one_at_a_time, "One pair after the other, alone");
    bl->add_flag("--all-at-once", all_at_once, "All links together, by all-reduces")->excludes(pairs);
    bl->add_flag("--json", bench_links.json, "One object");
    bl->add_option("--svg", bench_links.svg, "File for a picture of the matrices");

    BenchAllReduceCommand bench_all_reduce;
    std::string bench_sizes = "64KiB..64MiB";
    CLI::App* ba = b->add_subcommand("all-reduce", "Time, bandwidth, CPU and memory of all-reduces.");
    add_bench_options(ba, bench_all_reduce.run);
    ba->add_option("--bytes", bench_sizes, "FROM..TO, or one size")
        ->check(check_range)
        ->capture_default_str();
    ba->add_option("--factor", bench_all_reduce.factor, "From one size to the next")
        ->check(CLI::Range(2, 1024))
        ->capture_default_str();
    ba->add_option("--iters", bench_all_reduce.iterations, "Timed calls of each size")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    ba->add_option("--dtype", bench_all_reduce.dtype, "f32 or bf16")
        ->check(CLI::IsMember({"f32", "bf16"}))
        ->capture_default_str();
    ba->add_option("--reduce", bench_all_reduce.reduce, "avg or sum")
        ->check(CLI::IsMember({"avg", "sum"}))
        ->capture_default_str();
    ba->add_option("--codec", bench_all_reduce.codec, "How elements travel; of f32")->capture_default_str();
    bool unchecked = false;
    ba->add_flag("--no-check", unchecked, "Does not look at the results");
    ba->add_flag("--json", bench_all_reduce.json, "One object a size");

    CLI::App* version = app.add_subcommand("version", "Prints the version.");

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 2; }
    if (c->parsed()) return run_coordinator(coordinator);
    if (i->parsed()) return run_invite(invite);
    if (s->parsed()) return run_state(state);
    if (l->parsed()) return run_links(links);
    if (p->parsed()) {
        plan.bytes = *bytes_of(plan_bytes);
        return run_plan(plan);
    }
    if (bl->parsed()) {
        bench_links.bytes = *bytes_of(bench_links_bytes);
        if (one_at_a_time) bench_links.load = LinksLoad::one_pair;
        if (all_at_once) bench_links.load = LinksLoad::all;
        return run_bench_links(bench_links);
    }
    if (ba->parsed()) {
        set_range(bench_all_reduce, bench_sizes);
        bench_all_reduce.check = !unchecked;
        return run_bench_all_reduce(bench_all_reduce);
    }
    if (version->parsed()) std::printf("whimbrel %s\n", whim_version_text());
    return 0;
}

}  // namespace
}  // namespace whim::cli

int main(int argc, char** argv) { return whim::cli::run(argc, argv); }
