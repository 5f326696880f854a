# ./run stress NAME [flags]: builds and runs the program stress_NAME, a stress program of stress/ with its own flags.
# Those on an emulated WAN, stress_wan_NAME, need what makes it.
main() {
    [[ ${1:-} != wan-* ]] || need_packages iproute2
    run_named_program stress "${1:-}" "${@:2}"
    pass "$*"
}
