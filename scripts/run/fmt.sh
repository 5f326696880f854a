# ./run fmt [--check]: clang-format over the C and C++ sources and the tables in docs/ that are made from headers.
main() {
    local check=no
    case "${1:-}" in
        "") ;;
        --check) check=yes ;;
        *) misuse "unknown flag '$1'" ;;
    esac
    need_packages "${packages_format[@]}" python3
    local files
    mapfile -t files < <(find src transport collectives include bindings tests stress examples \
        \( -name '*.h' -o -name '*.hpp' -o -name '*.cpp' -o -name '*.c' \) -not -path '*/build/*' | sort)
    if [[ $check == yes ]]; then
        step "checking the format of ${#files[@]} files"
        clang-format-14 --dry-run -Werror "${files[@]}"
        pass "${#files[@]} files are formatted"
    fi
    step "formatting ${#files[@]} files"
    clang-format-14 -i "${files[@]}"
    python3 tests/tidy/tidy.py --fix
    pass "${#files[@]} files"
}
