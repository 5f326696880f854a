# The last line of every command. `step` names what is being done, so that a command that dies half-way still
# ends with a line that says where; `pass`, `fail`, `skip` and `misuse` print the line and leave. `skip` is for what
# this machine cannot do, and that is no failure.
step_now="before its first step"
verdict_said=no

step() {
    step_now=$*
    printf '== %s\n' "$*"
}

conclude() { # WORD CODE DETAIL...
    verdict_said=yes
    printf '%s: %s %s\n' "$command_name" "$1" "${*:3}"
    exit "$2"
}

pass() { conclude PASS 0 "$@"; }
fail() { conclude FAIL 1 "$@"; }
skip() { conclude SKIP 77 "$@"; }

misuse() {
    printf '%s\n\n' "$*" >&2
    usage >&2
    conclude FAIL 2 "$@"
}

need_value() { # "$@" of a flag that takes a value
    (($# >= 2)) || misuse "$1 needs a value"
}

on_exit() {
    local code=$?
    [[ $verdict_said == yes ]] && exit "$code"
    ((code != 0)) || code=1
    printf '%s: FAIL at: %s (exit code %d)\n' "$command_name" "$step_now" "$code"
    exit "$code"
}
trap on_exit EXIT

# run_program PROGRAM ARGS...: runs it as the command's main part. A program may print the last line itself; it
# then counts only if it agrees with the exit code. stderr is shown with the rest, in order.
run_program() {
    local log code=0 last agrees=no
    mkdir -p build/logs
    log=build/logs/$command_name.log
    step "$*"
    "$@" 2>&1 | tee "$log" || code=$?
    last=$(tail -n 1 "$log")
    if [[ $last =~ ^$command_name(\ [a-z-]+)?:\ (PASS|FAIL|SKIP) ]]; then
        case ${BASH_REMATCH[2]}.$code in
            PASS.0 | SKIP.77) agrees=yes ;;
            FAIL.0 | FAIL.77) ;;
            FAIL.*) agrees=yes ;;
        esac
        if [[ $agrees == yes ]]; then
            verdict_said=yes
            exit "$code"
        fi
        fail "the program's last line does not agree with its exit code $code (log: $log)"
    fi
    ((code == 0)) || fail "$(basename "$1") ended with exit code $code (log: $log)"
}
