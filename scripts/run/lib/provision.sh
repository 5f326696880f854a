# Installs what a command needs, and only that: Debian packages by apt, Python packages into .venv.
# On a machine that has everything this costs one dpkg query and one stamp file.
packages_build=(
    ccache cmake g++ ninja-build pkg-config python3 libasio-dev libbenchmark-dev libcli11-dev libcpp-httplib-dev
    libfmt-dev libgtest-dev libhwy-dev libsodium-dev libspdlog-dev libsqlite3-dev libssl-dev libxxhash-dev
    libzstd-dev librapidcheck-dev nlohmann-json3-dev)
packages_python=(ca-certificates python3-dev python3-venv)
packages_fuzz=(clang-14 libclang-rt-14-dev)
packages_format=(clang-format-14)
packages_peers=(hostname iperf3 iproute2 iputils-ping libgloo-dev libopenmpi-dev openmpi-bin util-linux)

packages_missing() { # PACKAGE...: those that dpkg does not list as installed
    local installed
    installed=$(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null | sed -n 's/^ii //p' || true)
    comm -13 <(sort <<<"$installed") <(printf '%s\n' "$@" | sort)
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "needs root to install packages and there is no sudo; as root: $*"
    fi
}

need_packages() { # PACKAGE...
    if ! command -v dpkg-query >/dev/null; then
        echo "no dpkg here: taking the tools and libraries as they are"
        return
    fi
    local missing
    mapfile -t missing < <(packages_missing "$@")
    ((${#missing[@]} > 0)) || return 0
    step "installing ${missing[*]}"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    as_root "${apt[@]}" update
    as_root "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
}

need_venv() { # .venv with scripts/requirements.txt
    need_packages "${packages_python[@]}"
    local stamp wanted
    stamp=.venv/requirements.stamp
    wanted=$(python3 --version; cat scripts/requirements.txt)
    if [[ -f $stamp && $(<"$stamp") == "$wanted" ]] && .venv/bin/python -c '' 2>/dev/null; then
        return
    fi
    step "making .venv with $(python3 --version) and scripts/requirements.txt"
    python3 -m venv --clear .venv
    .venv/bin/pip install --quiet --requirement scripts/requirements.txt
    printf '%s\n' "$wanted" >"$stamp"
}

have_bindings() { [[ -f bindings/python/pyproject.toml ]]; }

need_bindings() { # the whimbrel package inside .venv, rebuilt when a source is newer than the last build. The
                  # libraries are those of build/release, which every caller has just built.
    need_venv
    local stamp=.venv/bindings.stamp
    if [[ -f $stamp ]] && [[ -z $(find bindings src transport collectives include cmake CMakeLists.txt \
        -type f -newer "$stamp" -not -path '*/__pycache__/*' -print -quit) ]]; then
        return
    fi
    step "installing bindings/python into .venv"
    touch .venv/bindings.started
    .venv/bin/pip install --quiet --no-build-isolation \
        --config-settings=cmake.define.WHIM_PREBUILT_DIR="$PWD/build/release" ./bindings/python
    mv .venv/bindings.started "$stamp"
}
