# shellcheck shell=bash
# One private Redis or Valkey: finding it, starting and stopping it. Sourced by
# scripts/services, which sets the instance's variables:
#   data (its folder)  profile  run_as  instance_id  redis_program  redis_port
#
# shellcheck disable=SC2154 # They are assigned there.

readonly REDIS_OLDEST=7

redis_major() {
    local version
    version=$("$1" --version 2>/dev/null) || return 1
    case $version in
        *v=*) version=${version#*v=} ;;
        *) return 1 ;;
    esac
    printf '%s' "${version%%[!0-9]*}"
}

# Sets redis_program to the first server that is new enough.
find_redis() {
    local candidate major
    for candidate in "$(command -v redis-server || true)" "$(command -v valkey-server || true)" \
        /usr/bin/redis-server /usr/bin/valkey-server \
        /opt/homebrew/bin/redis-server /usr/local/bin/redis-server /home/linuxbrew/.linuxbrew/bin/redis-server \
        /opt/homebrew/bin/valkey-server /usr/local/bin/valkey-server /home/linuxbrew/.linuxbrew/bin/valkey-server; do
        if [ -z "$candidate" ] || [ ! -x "$candidate" ]; then continue; fi
        major=$(redis_major "$candidate") || continue
        if [ "${major:-0}" -ge "$REDIS_OLDEST" ]; then
            redis_program=$candidate
            return 0
        fi
    done
    redis_program=
    return 1
}

redis_url() {
    printf 'redis://127.0.0.1:%s' "$redis_port"
}

redis_pid() {
    head -n 1 "$data/redis.pid" 2>/dev/null || true
}

# The server's title carries the instance, so no stranger is taken for ours.
redis_is() {
    [ -n "$1" ] || return 1
    case $(process_command "$1") in
        *" $instance_id"*) return 0 ;;
        *) return 1 ;;
    esac
}

redis_running() {
    redis_is "$(redis_pid)"
}

redis_gone() {
    ! redis_is "$1"
}

redis_answers() (
    exec 3<>"/dev/tcp/127.0.0.1/$redis_port" || exit 1
    printf 'PING\r\n' >&3 || exit 1
    IFS= read -r -t 2 answer <&3 || exit 1
    [ "$answer" = $'+PONG\r' ]
) 2>/dev/null

redis_quote() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

redis_settings() {
    cat <<SETTINGS
# Written at every start by scripts/services: changes here are lost.
bind 127.0.0.1
port $redis_port
daemonize yes
dir $(redis_quote "$data/redis")
pidfile $(redis_quote "$data/redis.pid")
logfile $(redis_quote "$data/redis.log")
proc-title-template "{title} {listen-addr} $instance_id"
maxmemory-policy noeviction
save ""
SETTINGS
    if [ "$profile" = test ]; then
        printf 'appendonly no\nenable-debug-command local\n'
    else
        printf 'appendonly yes\nappendfsync everysec\n'
    fi
}

# Ready, or known to have failed.
redis_settled() {
    if redis_running && redis_answers; then return 0; fi
    redis_refused
}

redis_refused() {
    grep -q 'Failed listening\|Address already in use\|FATAL CONFIG\|Bad file format' "$data/redis.log" 2>/dev/null
}

# redis_start [keep]: "keep" insists on the port it had.
redis_start() {
    if redis_running; then
        # It may still be loading its file.
        if wait_until 30 redis_answers; then return 0; fi
        redis_stop immediate
    fi
    local attempt
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        if [ -e "$data/redis.log" ]; then mv -f "$data/redis.log" "$data/redis.log.old"; fi
        rm -f "$data/redis.pid"
        as_service_user mkdir -p "$data/redis"
        redis_settings | as_service_user tee "$data/redis.conf" >/dev/null
        (cd / && as_service_user "$redis_program" "$data/redis.conf" >"$data/redis.out" 2>&1 </dev/null 9>&-) || break
        if wait_until 30 redis_settled && ! redis_refused; then return 0; fi
        # Somebody has the port: a stranger, or one of ours that is going down.
        if [ "${1:-}" != keep ]; then redis_port=$(free_port); else sleep 0.5; fi
    done
    tail -n 15 "$data/redis.out" "$data/redis.log" >&2 2>/dev/null || true
    fail "Redis did not start (attempt $attempt); its last lines are above" "the whole log: $data/redis.log"
}

# redis_stop [immediate]
redis_stop() {
    if ! redis_running; then return 0; fi
    local pid signal=TERM
    pid=$(redis_pid)
    [ "${1:-}" != immediate ] || signal=KILL
    kill "-$signal" "$pid" 2>/dev/null || true
    wait_until 20 redis_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
    wait_until 5 redis_gone "$pid" || fail "Redis (process $pid) doesn't stop" "look at $data/redis.log"
}
