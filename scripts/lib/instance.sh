# shellcheck shell=bash
# A named set of services: where its state and data live, who runs its servers,
# and how it is thrown away. Sourced by scripts/services, which sets $name.
#
# .dev/services/NAME/state  what is needed to find it again
# .dev/services/NAME/lock   held by whoever changes it
# $data                     the servers' files: beside the state for dev and
#                           bench, in memory or in a temporary folder for test
#
# shellcheck disable=SC2030,SC2031 # Only the sweep changes $name, in a subshell.
# shellcheck disable=SC2034 # The variables of an instance are used by its servers.

registry=$CALLBOARD_ROOT/.dev/services

# The folder that holds $data must have room for a run of the suite.
readonly MEMORY_NEEDED_KIB=$((3 * 1024 * 1024))

instance_lock() {
    mkdir -p "$registry/$name"
    exec 9>"$registry/$name/lock"
    lock_descriptor 9 || fail "another scripts/services has been busy with $name for a minute" "wait for it or stop it"
    # Whoever threw the set away may have removed the file under us.
    if [ ! -e "$registry/$name/lock" ]; then instance_lock; fi
}

# instance_new PROFILE: the variables of a set that doesn't exist yet.
instance_new() {
    profile=$1 owner='' database=private redis=private locale='' run_as='' postgres_password=''
    postgres_port=$(free_port) redis_port=$(free_port)
    data=$(choose_data)
    instance_id=callboard:$(checkout_id):$name
}

instance_load() {
    [ -e "$registry/$name/state" ] || return 1
    # It holds a password, so only its owner and root can read it.
    [ -r "$registry/$name/state" ] || fail "$name was started by somebody else" "use sudo, or another name"
    # A set of an older version has none yet: see postgres_secure.
    postgres_password=''
    # shellcheck disable=SC1090 # Written by instance_save.
    . "$registry/$name/state"
    instance_id=callboard:$(checkout_id):$name
    if [ "$(id -u)" -ne 0 ] && [ -n "$run_as" ]; then
        fail "$name was started by root" "use sudo, or another name"
    fi
}

instance_save() {
    local variable
    (
        umask 077
        for variable in profile owner database redis locale postgres_port redis_port postgres_password run_as data; do
            printf '%s=%s\n' "$variable" "$(shell_quote "${!variable}")"
        done >"$registry/$name/state.new"
    )
    mv -f "$registry/$name/state.new" "$registry/$name/state"
}

need_instance() {
    instance_load || fail "$name is not up" "first: scripts/services up $name"
}

# --- Users -------------------------------------------------------------------

# PostgreSQL refuses to run as root, so root runs the servers as another user.
choose_service_user() {
    if [ "$(id -u)" -ne 0 ]; then return 0; fi
    local user
    for user in postgres _postgres callboard; do
        if id -u "$user" >/dev/null 2>&1; then
            printf '%s' "$user"
            return 0
        fi
    done
    has useradd || fail "PostgreSQL can't run as root, and no other user could be made" "run this as an ordinary user"
    useradd --system --no-create-home --shell /usr/sbin/nologin callboard
    printf 'callboard'
}

as_service_user() {
    if [ -z "$run_as" ]; then
        "$@"
    elif has runuser; then
        runuser -u "$run_as" -- "$@"
    else
        sudo -n -u "$run_as" -- "$@"
    fi
}

# --- Folders -----------------------------------------------------------------

choose_data() {
    local base=$registry/$name/data
    if [ "$profile" = test ]; then
        base=$(temporary_base)/callboard-$(id -u)-$(checkout_id)/$name
    fi
    printf '%s' "$base"
}

temporary_base() {
    local free
    if [ -n "${CALLBOARD_SERVICES_DIR:-}" ]; then
        mkdir -p "$CALLBOARD_SERVICES_DIR"
        (cd "$CALLBOARD_SERVICES_DIR" && pwd -P)
        return 0
    fi
    free=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
    if [ "${free:-0}" -ge "$MEMORY_NEEDED_KIB" ] && [ -w /dev/shm ]; then
        printf '/dev/shm'
    else
        (cd "${TMPDIR:-/tmp}" && pwd -P)
    fi
}

# Makes the folders and gives them to the user who runs the servers.
instance_prepare() {
    if [ "$database" = external ] && [ "$redis" = external ]; then
        instance_save
        return 0
    fi
    locale=${locale:-$(choose_locale)}
    run_as=${run_as:-$(choose_service_user)}
    make_data
    # A checkout below a closed home, such as root's, is out of that user's reach.
    if ! (cd / && as_service_user test -w "$data"); then
        rmdir "$data" 2>/dev/null || true
        data=/var/tmp/callboard-$(id -u)-$(checkout_id)/$name
        make_data
    fi
    instance_save
}

make_data() {
    local parent
    parent=$(dirname "$data")
    mkdir -p "$parent"
    case $parent in
        "$registry"/*) ;;
        *)
            # In a folder that everybody may write to, the name may be a trap.
            if [ ! -O "$parent" ] || [ -L "$parent" ]; then
                fail "$parent belongs to somebody else" "remove it, or give another folder: CALLBOARD_SERVICES_DIR=…"
            fi
            chmod 0711 "$parent"
            ;;
    esac
    mkdir -p "$data"
    chmod 0700 "$data"
    if [ -n "$run_as" ]; then chown "$run_as" "$data"; fi
}

choose_locale() {
    local wanted
    for wanted in C.UTF-8 C.utf8 en_US.UTF-8 en_US.utf8; do
        if locale -a 2>/dev/null | grep -qxF "$wanted"; then
            printf '%s' "$wanted"
            return 0
        fi
    done
    printf 'C'
}

# --- The end -----------------------------------------------------------------

# Stops the servers of a throwaway set and removes every trace of it.
instance_remove() {
    postgres_stop immediate
    redis_stop immediate
    rm -rf "$data"
    rmdir "$(dirname "$data")" 2>/dev/null || true
    rm -rf "${registry:?}/$name"
}

# Forgets a set that isn't there; what holds anything else is left alone.
instance_unlock() {
    rm -f "$registry/$name/lock"
    rmdir "$registry/$name" 2>/dev/null || true
}

# Throws away the sets whose owner was killed before it could do so itself.
instance_sweep() {
    local state
    for state in "$registry"/*/state; do
        # What root started is root's to sweep.
        if [ ! -r "$state" ]; then continue; fi
        (
            name=$(basename "$(dirname "$state")")
            instance_load
            if [ "$profile" = dev ] || [ -z "$owner" ] || process_alive "$owner"; then exit 0; fi
            instance_lock
            if ! instance_load; then
                instance_unlock
            elif ! process_alive "$owner"; then
                instance_remove
                say "$name: removed, its owner is gone"
            fi
        ) || true
    done
}
