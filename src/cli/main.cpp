// The whimbrel command: coordinator, invite, state, version.
#include <CLI/CLI.hpp>

#include <cstdio>

#include "cli/commands.h"

namespace whim::cli {

int fail_with(const std::string& what) {
    std::fprintf(stderr, "whimbrel: %s\n", what.c_str());
    return 1;
}

namespace {

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
    c->add_option("--advertise", coordinator.advertise,
                  "Where peers reach it, HOST:PORT, for invites; may be repeated");
    c->add_option("--security", coordinator.security, "tls or none")
        ->check(CLI::IsMember({"tls", "none"}))
        ->capture_default_str();
    c->add_flag("--open", coordinator.open, "Admit peers without an invite");
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

    CLI::App* version = app.add_subcommand("version", "Prints the version.");

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 2; }
    if (c->parsed()) return run_coordinator(coordinator);
    if (i->parsed()) return run_invite(invite);
    if (s->parsed()) return run_state(state);
    if (version->parsed()) std::puts("whimbrel " WHIM_VERSION);
    return 0;
}

}  // namespace
}  // namespace whim::cli

int main(int argc, char** argv) { return whim::cli::run(argc, argv); }
