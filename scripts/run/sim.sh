# ./run sim FLAGS: the simulator, with its own flags; by default the first thousand seeds.
main() {
    (($# > 0)) || set -- --seeds 1..1000 --jobs "$(nproc)"
    build release whim_sim
    run_program build/release/bin/whim_sim "$@"
    pass "$*"
}
