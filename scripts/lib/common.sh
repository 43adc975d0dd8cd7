# shellcheck shell=bash
# What the scripts share: messages, process identities, ports and locks.
#
# Sourced, never run. Keeps to bash 3.2, which is what macOS ships.

CALLBOARD_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
export CALLBOARD_ROOT

say() {
    printf '%s\n' "$*" >&2
}

# fail MESSAGE [HINT...]: one line says what is wrong, the others what to do.
fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    local hint
    for hint in "$@"; do
        printf '       %s\n' "$hint" >&2
    done
    exit 1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# Quotes a value for a POSIX shell.
shell_quote() {
    local quote="'\\''"
    printf "'%s'" "${1//\'/$quote}"
}

# random_hex BYTES: good enough for passwords and keys.
random_hex() {
    od -An -v -N "$1" -tx1 /dev/urandom | tr -d ' \n'
}

# Names the checkout, so that two checkouts on a machine never meet.
checkout_id() {
    printf '%s' "$CALLBOARD_ROOT" | cksum | cut -d ' ' -f 1
}

# --- Processes ---------------------------------------------------------------
# A process id alone may belong to a stranger after a crash or a reboot, so a
# process is remembered as "pid:birth", and its birth is compared.

process_birth() {
    local stat fields
    if [ -r "/proc/$1/stat" ]; then
        stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
        # The name in parentheses may hold blanks; the 20th field after it is
        # the start time in clock ticks since boot.
        read -r -a fields <<<"${stat##*) }"
        case ${fields[0]:-Z} in
            Z | X) return 0 ;;
        esac
        printf '%s' "${fields[19]:-}"
    elif [ ! -d /proc/1 ] && has ps; then
        ps -o lstart= -p "$1" 2>/dev/null | tr -d ' \n' || true
    fi
}

process_identity() {
    printf '%s:%s' "$1" "$(process_birth "$1")"
}

process_alive() {
    local pid=${1%%:*} birth=${1#*:}
    [ -n "$pid" ] && [ -n "$birth" ] && [ "$(process_birth "$pid")" = "$birth" ]
}

process_command() {
    if [ -r "/proc/$1/cmdline" ]; then
        tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null || true
    elif [ ! -d /proc/1 ] && has ps; then
        ps -ww -o command= -p "$1" 2>/dev/null || true
    fi
}

# wait_until SECONDS COMMAND...: tries ten times a second.
wait_until() {
    local tries=$(($1 * 10))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}

# --- Ports -------------------------------------------------------------------

port_taken() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A free port below the range that the system hands to outgoing connections.
free_port() {
    local port
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        port=$((20000 + RANDOM % 12000))
        if ! port_taken "$port"; then
            printf '%s' "$port"
            return 0
        fi
    done
    fail "no free port found between 20000 and 31999"
}

# http_ok HOST:PORT PATH [JSON]: whether a GET, or a POST of JSON, answers 200.
# Needs no curl.
http_ok() (
    host=${1%:*}
    exec 3<>"/dev/tcp/$host/${1##*:}" || exit 1
    head="Host: $1"$'\r\n'"Connection: close"$'\r\n'
    if [ $# -gt 2 ]; then
        # The length is in bytes.
        LC_ALL=C
        printf 'POST %s HTTP/1.1\r\n%sContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' \
            "$2" "$head" "${#3}" "$3" >&3 || exit 1
    else
        printf 'GET %s HTTP/1.1\r\n%s\r\n' "$2" "$head" >&3 || exit 1
    fi
    IFS= read -r -t 5 status <&3 || exit 1
    # To the end, or the server would see its connection reset.
    while IFS= read -r -t 5 _ <&3; do :; done
    case $status in
        HTTP/1.[01]\ 200*) exit 0 ;;
        *) exit 1 ;;
    esac
) 2>/dev/null

# --- Locks -------------------------------------------------------------------
# The lock belongs to the open file, so it ends with the process however that
# ends. Whoever starts a daemon closes the descriptor for it.

# lock_descriptor FD [now]: waits a minute for the lock, or not at all.
lock_descriptor() {
    if has flock; then
        if [ "${2:-}" = now ]; then flock -n "$1"; else flock -w 60 "$1"; fi
    else
        # shellcheck disable=SC2016 # $ARGV and $h are Perl's.
        perl -e 'use Fcntl ":flock"; open(my $h, ">&=", $ARGV[0]) or exit 1;
            for (1 .. ($ARGV[1] eq "now" ? 1 : 600)) {
                exit 0 if flock($h, LOCK_EX | LOCK_NB); select(undef, undef, undef, 0.1) }
            exit 1' "$1" "${2:-}"
    fi
}

# --- Cargo -------------------------------------------------------------------

# The queries' descriptions are committed in .sqlx, so compiling needs no
# database; whoever changes a query sets SQLX_OFFLINE=false themselves.
use_cargo() {
    has cargo || fail "cargo isn't on the PATH" "install Rust from https://rustup.rs and open a new shell"
    export SQLX_OFFLINE=${SQLX_OFFLINE:-true}
}

cargo_target_directory() {
    cargo metadata --format-version 1 --no-deps --manifest-path "$CALLBOARD_ROOT/Cargo.toml" |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}
