# shellcheck shell=bash
# Installs what is missing with the system's package manager, or says the exact
# command for it and stops. Sourced after common.sh.

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

may_become_root() {
    [ "$(id -u)" -eq 0 ] && return 0
    has sudo || return 1
    sudo -n true 2>/dev/null && return 0
    # Somebody is there to type the password.
    [ -t 0 ] && [ -t 2 ]
}

# The major version that apt would install, 0 for none.
apt_candidate() {
    local version
    version=$(LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *//p')
    version=${version#*:}
    version=${version%%[!0-9]*}
    printf '%s' "${version:-0}"
}

apt_refresh_if_empty() {
    [ "$(apt_candidate "$1")" -eq 0 ] || return 0
    may_become_root || return 0
    as_root apt-get update >&2
}

# apt_packages WHAT...: the packages to install for postgresql, redis, build, python, wrk.
apt_packages() {
    local what
    for what in "$@"; do
        case $what in
            postgresql)
                apt_refresh_if_empty postgresql
                [ "$(apt_candidate postgresql)" -ge 15 ] ||
                    fail "this system's PostgreSQL is $(apt_candidate postgresql), and 15 or newer is needed" \
                        "add the archive from https://www.postgresql.org/download/ and install postgresql-17," \
                        "or give a server: DATABASE_URL=postgres://user:password@host/database"
                printf 'postgresql\n'
                ;;
            redis)
                apt_refresh_if_empty redis-server
                if [ "$(apt_candidate redis-server)" -ge 7 ]; then
                    printf 'redis-server\n'
                elif [ "$(apt_candidate valkey-server)" -ge 7 ]; then
                    printf 'valkey-server\n'
                else
                    fail "this system's Redis is $(apt_candidate redis-server), and Redis 7 or Valkey is needed" \
                        "add the archive from https://redis.io/docs/latest/operate/oss_and_stack/install/ and install redis-server," \
                        "or give a server: REDIS_URL=redis://host:6379"
                fi
                ;;
            build) printf 'gcc\nlibc6-dev\nmake\n' ;;
            python) printf 'python3\npython3-venv\n' ;;
            wrk) printf 'wrk\n' ;;
        esac
    done
}

install_with_apt() {
    local list packages
    # A failure inside would be lost if this were part of another command.
    list=$(apt_packages "$@") || exit 1
    read -r -a packages <<<"$(printf '%s' "$list" | tr '\n' ' ')"
    if ! may_become_root; then
        fail "missing: $*" \
            "run as root:  apt-get update && apt-get install -y ${packages[*]}" \
            "or give servers that run already: DATABASE_URL=postgres://… REDIS_URL=redis://…"
    fi
    say "installing with apt: ${packages[*]}"
    as_root sh "$CALLBOARD_ROOT/scripts/lib/apt-install" "${packages[@]}" >&2 </dev/null ||
        fail "apt could not install: ${packages[*]}" "its messages are above"
}

install_with_brew() {
    local what formulas=()
    for what in "$@"; do
        case $what in
            postgresql) formulas+=("postgresql@17") ;;
            redis) formulas+=("redis") ;;
            build) fail "no C compiler found" "run:  xcode-select --install" ;;
            python) formulas+=("python") ;;
            wrk) formulas+=("wrk") ;;
        esac
    done
    say "installing with Homebrew: ${formulas[*]}"
    brew install "${formulas[@]}" >&2 </dev/null ||
        fail "Homebrew could not install: ${formulas[*]}" "its messages are above"
}

# install_missing WHAT...: any of postgresql, redis, build, python, wrk.
install_missing() {
    if has apt-get; then
        install_with_apt "$@"
    elif has brew; then
        install_with_brew "$@"
    else
        fail "missing: $*" \
            "neither apt nor Homebrew is here: install PostgreSQL 15 or newer (server and psql) and Redis 7 or newer" \
            "(or Valkey), so that postgres, initdb, pg_ctl, psql and redis-server are on the PATH," \
            "or give servers that run already: DATABASE_URL=postgres://… REDIS_URL=redis://…"
    fi
}

# Rust needs a linker, and some crates a C compiler.
need_compiler() {
    has cc || install_missing build
}
