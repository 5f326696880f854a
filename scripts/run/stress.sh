# ./run stress NAME [flags]: builds and runs the program stress_NAME, a stress program of stress/ with its own flags.
main() {
    run_named_program stress "${1:-}" "${@:2}"
    pass "$*"
}
