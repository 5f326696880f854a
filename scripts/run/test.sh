# ./run test [--preset P] [--quick]: CTest, then pytest. Both run even if the first fails, so that one run shows
# all there is to repair. The Python part belongs to the release preset: sanitizers do not load into its interpreter.
main() {
    local preset=release quick=no
    while (($# > 0)); do
        case "$1" in
            --preset) need_value "$@"; preset=$2; shift ;;
            --quick) quick=yes ;;
            *) misuse "unknown flag '$1'" ;;
        esac
        shift
    done
    check_preset "$preset"
    SECONDS=0
    mkdir -p build/logs
    local failed=() done_parts=()

    build "$preset"
    run_ctest "$preset" "$quick"
    if [[ $preset == release && $quick == no ]] && have_bindings; then run_pytest; fi

    ((${#failed[@]} == 0)) || fail "${failed[*]} (after ${SECONDS} s; logs in build/logs)"
    pass "preset=$preset ${done_parts[*]} seconds=$SECONDS"
}

run_ctest() { # PRESET QUICK
    local log=build/logs/ctest.log command=()
    # TSan's shadow does not fit kernels with much address randomisation; ask for none where that is allowed.
    if [[ $1 == tsan ]] && setarch -R true 2>/dev/null; then command+=(setarch -R); fi
    command+=(ctest --test-dir "build/$1" --output-on-failure --no-tests=error -j 2)
    [[ $2 == no ]] || command+=(--label-exclude slow)
    step "${command[*]}"
    "${command[@]}" 2>&1 | tee "$log" || failed+=("ctest: $(grep -m 1 'tests passed' "$log" || echo 'no result');")
    done_parts+=("ctest=$(sed -nE 's/.*tests passed.* out of ([0-9]+).*/\1/p' "$log")")
}

run_pytest() {
    local log=build/logs/pytest.log
    need_bindings
    step "pytest tests/python"
    .venv/bin/python -m pytest -q tests/python 2>&1 | tee "$log" || failed+=("pytest: $(tail -n 1 "$log");")
    done_parts+=("pytest=$(sed -nE 's/^([0-9]+) passed.*/\1/p' "$log" | tail -n 1)")
}
