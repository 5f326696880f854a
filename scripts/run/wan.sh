# ./run wan COMMAND: an emulated WAN of network namespaces on this machine; the program whim_wan says what it knows.
# `up` builds it; the other commands act on what is up, and build nothing.
main() {
    (($# > 0)) || misuse "wan needs a command"
    local program=build/release/bin/whim_wan code=0
    if [[ $1 == up || ! -x $program ]]; then
        need_packages iproute2
        build release whim_wan
    fi
    step "whim_wan $*"
    "$program" "$@" || code=$?
    case $code in
        0) pass "$*" ;;
        77) skip "there can be no emulated WAN here" ;;
        *) fail "$* ended with exit code $code" ;;
    esac
}
