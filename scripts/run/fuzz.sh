# ./run fuzz [--target T] [--runs N] [--seconds S]: libFuzzer on every target fuzz_T, or on one. Seeds come from
# tests/fuzz/corpus/T; inputs it finds interesting stay in build/fuzz/corpus/T, findings in build/fuzz/findings.
main() {
    local only="" runs=100000 seconds=0
    while (($# > 0)); do
        case "$1" in
            --target) need_value "$@"; only=$2 ;;
            --runs) need_value "$@"; runs=$2 ;;
            --seconds) need_value "$@"; seconds=$2 ;;
            *) misuse "unknown flag '$1'" ;;
        esac
        shift 2
    done
    configure fuzz
    local targets
    mapfile -t targets < <(targets_with_prefix fuzz fuzz_)
    ((${#targets[@]} > 0)) || fail "no fuzz targets in this tree"
    if [[ $only ]]; then
        only=${only#fuzz_}
        [[ " ${targets[*]} " == *" $only "* ]] || misuse "no fuzz target '$only'; there are: ${targets[*]}"
        targets=("$only")
    fi
    build_configured fuzz "${targets[@]/#/fuzz_}"
    local target
    for target in "${targets[@]}"; do fuzz_one "$target" "$runs" "$seconds"; done
    pass "targets=${#targets[@]} runs=$runs each, no finding: ${targets[*]}"
}

fuzz_one() { # TARGET RUNS SECONDS
    local found=build/fuzz/corpus/$1 seeds=tests/fuzz/corpus/$1 log=build/logs/fuzz.$1.log corpus
    mkdir -p "$found" build/fuzz/findings build/logs
    corpus=("$found")
    [[ ! -d $seeds ]] || corpus+=("$seeds")
    step "fuzzing $1, $2 runs"
    "build/fuzz/bin/fuzz_$1" -runs="$2" -max_total_time="$3" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/findings/$1-" "${corpus[@]}" >"$log" 2>&1 ||
        { tail -n 100 "$log"; fail "$1 has a finding, kept in build/fuzz/findings"; }
    grep -E "^stat::|^Done|cov:" "$log" | tail -n 8
}
