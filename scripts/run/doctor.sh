# ./run doctor: what this machine has, what ./run would install, and what it allows. Installs nothing; fails only
# for what ./run cannot repair by itself.
problems=()

report() { printf '  %-26s %s\n' "$1" "$2"; }
problem() { report "$1" "PROBLEM: $2"; problems+=("$1: $2"); }

main() {
    (($# == 0)) || misuse "doctor takes no flags"
    step "machine"
    machine
    step "tools and packages"
    tools
    step "network"
    network
    ((${#problems[@]} == 0)) || fail "${problems[*]}"
    pass "everything needed is here or can be installed by ./run"
}

machine() {
    local memory_mib disk_mib
    report "system" "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release 2>/dev/null), $(uname -srm)"
    report "cores" "$(nproc)"
    memory_mib=$(awk '/^MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
    disk_mib=$(df -Pm . | awk 'NR == 2 {print $4}')
    report "memory available" "$memory_mib MiB"
    report "disk available" "$disk_mib MiB"
    ((memory_mib >= 3000)) || problem "memory" "the build wants 3000 MiB, $memory_mib MiB are available"
    ((disk_mib >= 6000)) || problem "disk" "build and .venv want 6000 MiB, $disk_mib MiB are free"
}

tools() {
    local tool missing="" fuzz format peers
    for tool in g++ cmake ninja ccache python3 clang++-14 clang-format-14; do
        report "$tool" "$("$tool" --version 2>/dev/null | head -n 1 || true)"
    done
    if command -v dpkg-query >/dev/null; then
        missing=$(packages_missing "${packages_build[@]}" "${packages_python[@]}" | tr '\n' ' ')
        report "to install, build and test" "${missing:-nothing}"
        fuzz=$(packages_missing "${packages_fuzz[@]}" | tr '\n' ' ')
        report "to install, fuzz" "${fuzz:-nothing}"
        format=$(packages_missing "${packages_format[@]}" | tr '\n' ' ')
        report "to install, fmt" "${format:-nothing}"
        peers=$(packages_missing "${packages_peers[@]}" | tr '\n' ' ')
        report "to install, bench peers" "${peers:-nothing}"
    else
        report "packages" "no dpkg here: install the libraries of scripts/run/lib/provision.sh by hand"
    fi
    if [[ $missing ]] && ((EUID != 0)) && ! command -v sudo >/dev/null; then
        problem "packages" "neither root nor sudo to install $missing"
    fi
    report ".venv" "$([[ -f .venv/requirements.stamp ]] && .venv/bin/python --version || echo "not made yet")"
    report "bindings in .venv" "$([[ -f .venv/bindings.stamp ]] && echo "installed" || echo "not installed yet")"
}

network() {
    report "congestion control" "$(cat /proc/sys/net/ipv4/tcp_congestion_control 2>/dev/null || echo unknown)"
    report "socket buffers, rmem/wmem" "$(cat /proc/sys/net/core/rmem_max 2>/dev/null || echo '?') / \
$(cat /proc/sys/net/core/wmem_max 2>/dev/null || echo '?') bytes at most"
    report "open files" "$(ulimit -n)"
    command -v python3 >/dev/null || return 0
    if bind_loopback AF_INET 127.0.0.1; then
        report "IPv4 loopback" "can be bound"
    else
        problem "IPv4 loopback" "cannot be bound"
    fi
    report "IPv6 loopback" "$(bind_loopback AF_INET6 ::1 && echo "can be bound" || echo "absent, not needed")"
}

bind_loopback() { # FAMILY ADDRESS
    python3 -c "import socket; socket.socket(socket.$1).bind(('$2', 0))" 2>/dev/null
}
