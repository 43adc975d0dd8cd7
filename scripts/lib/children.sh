# shellcheck shell=bash
# Child processes of scripts/dev: started in the background, their output
# prefixed, watched, and stopped again. Sourced after common.sh; the caller sets
# $run (a folder for what is known about the children).
#
# shellcheck disable=SC2154 # $run is assigned there.

child_names=()

# start_child NAME COMMAND...
start_child() {
    local name=$1 pid
    shift
    rm -f "$run/$name".*
    # A group of its own keeps the terminal's Ctrl-C away from the child, so that
    # it is stopped in order, once, by us.
    set -m
    "$@" </dev/null > >(prefix_lines "$name") 2>&1 8>&- &
    pid=$!
    set +m
    process_identity "$pid" >"$run/$name.process"
    child_names+=("$name")
}

# Copies lines to the terminal with a name before each, and keeps the last ones
# for the moment when the process dies.
prefix_lines() {
    trap '' INT TERM HUP
    exec 8>&-
    local line last=()
    while IFS= read -r line || [ -n "$line" ]; do
        printf '%-7s| %s\n' "$1" "$line"
        last+=("$line")
        if [ "${#last[@]}" -gt 40 ]; then last=("${last[@]:20}"); fi
    done
    { [ "${#last[@]}" -eq 0 ] || printf '%s\n' "${last[@]}"; } >"$run/$1.last.new"
    mv -f "$run/$1.last.new" "$run/$1.last"
}

child_alive() {
    process_alive "$(cat "$run/$1.process" 2>/dev/null || true)"
}

# What a child writes to its --ready-file once it serves: a flat JSON object.
ready_value() {
    sed -n 's/.*"'"$2"'" *: *"\([^"]*\)".*/\1/p' "$run/$1.ready" 2>/dev/null || true
}

# Waits until a child has written its --ready-file and answers its probe.
# wait_for_child NAME KEY [PATH]
wait_for_child() {
    local address='' deadline=$((SECONDS + 60))
    while [ "$SECONDS" -lt "$deadline" ]; do
        child_alive "$1" || child_died "$1"
        address=$(ready_value "$1" "$2")
        if [ -n "$address" ] && { [ -z "${3:-}" ] || http_ok "$address" "$3"; }; then return 0; fi
        sleep 0.1
    done
    fail "$1 isn't ready after a minute" "its log is above; asked: ${address:-(it wrote no --ready-file)}${3:-}"
}

# Says which one died and how, and ends this script, which stops the others.
child_died() {
    local pid code=0
    pid=$(cat "$run/$1.process")
    wait "${pid%%:*}" 2>/dev/null || code=$?
    wait_until 2 test -e "$run/$1.last" || true
    say ''
    say "$1 has ended with exit code $code; its last lines:"
    tail -n 20 "$run/$1.last" 2>/dev/null | sed 's/^/    /' >&2 || true
    exit 1
}

# Returns when a child dies.
watch_children() {
    local name
    while :; do
        for name in "${child_names[@]}"; do
            child_alive "$name" || child_died "$name"
        done
        # In the background, so that a signal is acted upon at once.
        sleep 0.5 &
        wait $! || true
    done
}

# Stops the children in the order given, each with the time to finish its work.
stop_children() {
    local name pid
    for name in "$@"; do
        if ! child_alive "$name"; then continue; fi
        pid=$(cut -d : -f 1 "$run/$name.process")
        kill -TERM "$pid" 2>/dev/null || true
        wait_until 15 child_gone "$name" || kill -KILL "$pid" 2>/dev/null || true
        rm -f "$run/$name.process"
    done
}

child_gone() {
    ! child_alive "$1"
}
