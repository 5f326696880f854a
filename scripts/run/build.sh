# ./run build [PRESET]: configures and builds everything of one preset.
main() {
    local preset=${1:-release}
    (($# <= 1)) || misuse "one preset at a time, not: $*"
    check_preset "$preset"
    build "$preset"
    pass "build/$preset"
}
