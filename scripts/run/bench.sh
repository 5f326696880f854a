# ./run bench NAME [flags]: builds and runs the program bench_NAME, a benchmark of stress/ with its own flags.
# What `peers` compares with is installed for it alone; the build leaves out what is not there.
main() {
    [[ ${1:-} != peers ]] || need_packages "${packages_peers[@]}"
    run_named_program bench "${1:-}" "${@:2}"
    pass "$*"
}
