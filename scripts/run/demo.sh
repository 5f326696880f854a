# ./run demo [flags]: peers that train a GPT together while some die, freeze and join. The program prints the verdict.
main() {
    [[ -f demo/run_demo.py ]] || fail "demo/run_demo.py is not in this tree"
    build release whimbrel whimbrel_coordinator whimbrel_cli
    need_bindings
    PYTHONUNBUFFERED=1 run_program .venv/bin/python demo/run_demo.py "$@"
    fail "demo/run_demo.py ended without a verdict"
}
