# Configuring and building by preset. Ninja and ccache are used when present.
presets=(dev release asan-ubsan tsan fuzz)

check_preset() { # PRESET
    [[ " ${presets[*]} " == *" $1 "* ]] || misuse "unknown preset '$1'; there are: ${presets[*]}"
}

configure() { # PRESET
    need_packages "${packages_build[@]}"
    [[ $1 != fuzz ]] || need_packages "${packages_fuzz[@]}"
    if command -v ninja >/dev/null; then export CMAKE_GENERATOR=Ninja; fi
    step "configuring build/$1"
    local log=build/logs/configure.$1.log
    mkdir -p build/logs
    cmake --preset "$1" >"$log" 2>&1 || { cat "$log"; return 1; }
}

build() { # PRESET [TARGET...]
    configure "$1"
    build_configured "$@"
}

build_configured() { # PRESET [TARGET...]
    local targets=()
    (($# == 1)) || targets=(--target "${@:2}")
    step "building build/$1${2:+ (${*:2})}"
    cmake --build "build/$1" --parallel "$(nproc)" "${targets[@]}"
}

targets_with_prefix() { # PRESET PREFIX: the names, without the prefix, of the program targets of a configured preset
    cmake --build "build/$1" --target help | sed -nE "s/^(\.\.\. )?$2([a-z0-9_]+)(: phony)?\$/\2/p" | sort -u
}

run_named_program() { # PREFIX NAME ARGS...: builds the release target PREFIX_NAME and runs it
    local prefix=$1 name=${2//-/_} known
    configure release
    known=$(targets_with_prefix release "${prefix}_")
    grep -qx -- "$name" <<<"$known" ||
        misuse "no $prefix program '$2'; there are: $(tr '_\n' '- ' <<<"$known" | sed 's/ $//;s/^$/none yet/')"
    build_configured release "${prefix}_$name"
    run_program "build/release/bin/${prefix}_$name" "${@:3}"
}
