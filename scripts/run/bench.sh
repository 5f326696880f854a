# ./run bench NAME [flags]: builds and runs the program bench_NAME, a benchmark of stress/ with its own flags.
main() {
    run_named_program bench "${1:-}" "${@:2}"
    pass "$*"
}
