# shellcheck shell=bash
# One private PostgreSQL: finding the programs, making the cluster, starting and
# stopping it. Sourced by scripts/services, which sets the instance's variables:
#   data (its folder)  profile  run_as (another user, or empty)
#   postgres_bin  postgres_port  postgres_password (of the superuser)  locale
#
# shellcheck disable=SC2154 # They are assigned there.

readonly POSTGRES_OLDEST=15
# Goes up with what postgres_make_role does, so that older data gets it too.
readonly POSTGRES_MAKING=2

postgres_major() {
    local version
    version=$(LC_ALL=C "$1/postgres" --version 2>/dev/null) || return 1
    version=${version##*PostgreSQL) }
    printf '%s' "${version%%[!0-9]*}"
}

# find_postgres [MAJOR]: sets postgres_bin to the newest programs that will do,
# or to those of exactly that major version, which its data asks for.
find_postgres() {
    local wanted=${1:-} folder major newest=0 on_path
    postgres_bin=
    on_path=$(command -v postgres || true)
    for folder in ${on_path:+"$(dirname "$on_path")"} \
        /usr/lib/postgresql/*/bin \
        /usr/pgsql-*/bin \
        /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
        /home/linuxbrew/.linuxbrew/opt/postgresql@*/bin \
        /Applications/Postgres.app/Contents/Versions/*/bin; do
        if [ ! -x "$folder/postgres" ] || [ ! -x "$folder/initdb" ] ||
            [ ! -x "$folder/pg_ctl" ] || [ ! -x "$folder/psql" ]; then
            continue
        fi
        major=$(postgres_major "$folder") || continue
        if [ -n "$wanted" ]; then
            [ "$major" = "$wanted" ] || continue
        elif [ "${major:-0}" -lt "$POSTGRES_OLDEST" ] || [ "$major" -le "$newest" ]; then
            continue
        fi
        newest=$major
        postgres_bin=$folder
    done
    [ -n "$postgres_bin" ]
}

# The major version that the instance's data was made with, empty for no data.
postgres_data_major() {
    if [ -e "$data/postgres.made" ]; then cat "$data/postgres/PG_VERSION"; fi
}

# psql as the cluster's own superuser.
postgres_admin() {
    PGPASSWORD=$postgres_password "$postgres_bin/psql" -X -q -v ON_ERROR_STOP=1 \
        "host=127.0.0.1 port=$postgres_port user=postgres dbname=${1:-postgres} sslmode=disable"
}

postgres_url() {
    printf 'postgres://callboard:callboard@127.0.0.1:%s/callboard' "$postgres_port"
}

postgres_pid() {
    head -n 1 "$data/postgres/postmaster.pid" 2>/dev/null || true
}

# A process id alone may be a stranger's after a crash, so the command decides.
postgres_running() {
    local pid
    pid=$(postgres_pid)
    [ -n "$pid" ] || return 1
    case $(process_command "$pid") in
        *postgres*"$data/postgres"*) return 0 ;;
        *) return 1 ;;
    esac
}

# A quoted string of postgresql.conf.
postgres_quote() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\'\'}"
}

# pg_stat_statements comes with the contrib package, which may not be there.
postgres_has_statements() {
    local libraries
    libraries=$("$postgres_bin/pg_config" --pkglibdir 2>/dev/null || printf '%s/../lib' "$postgres_bin")
    [ -e "$libraries/pg_stat_statements.so" ] || [ -e "$libraries/pg_stat_statements.dylib" ]
}

# The benchmark runs 50 workers at a time, each with the connections of a process.
postgres_connections() {
    case $profile in
        dev) printf 200 ;;
        bench) printf 1000 ;;
        *) printf 400 ;;
    esac
}

postgres_settings() {
    local sockets=$data
    # The path of a socket fits into 107 bytes, or the server won't start.
    if [ "$(printf '%s/.s.PGSQL.%s' "$sockets" "$postgres_port" | wc -c)" -gt 100 ]; then
        sockets=
    fi
    cat <<SETTINGS
# Written at every start by scripts/services: changes here are lost.
listen_addresses = '127.0.0.1'
port = $postgres_port
unix_socket_directories = $(postgres_quote "$sockets")
lc_messages = 'C'
timezone = 'UTC'
log_timezone = 'UTC'
max_connections = $(postgres_connections)
SETTINGS
    if postgres_has_statements; then
        printf "shared_preload_libraries = 'pg_stat_statements'\n"
    fi
    case $profile in
        test)
            # synchronous_commit stays on: without fsync it costs one write to
            # the page cache, and a commit that was answered then survives
            # kill -9 of the server, which the fault tests build on.
            cat <<'SETTINGS'
fsync = off
full_page_writes = off
shared_buffers = '256MB'
wal_level = minimal
dynamic_shared_memory_type = mmap
max_wal_senders = 0
min_wal_size = '64MB'
max_wal_size = '1GB'
checkpoint_timeout = '30min'
max_locks_per_transaction = 256
SETTINGS
            ;;
        bench)
            cat <<'SETTINGS'
shared_buffers = '512MB'
max_wal_size = '4GB'
SETTINGS
            ;;
    esac
}

postgres_configure() {
    postgres_settings | as_service_user tee "$data/postgres/callboard.conf" >/dev/null
}

# A cluster whose making was interrupted has never held anything and is made
# again from nothing.
postgres_make() {
    if [ -e "$data/postgres.made" ]; then return 0; fi
    if postgres_running; then postgres_stop immediate; fi
    rm -rf "$data/postgres"
    postgres_password=''
    local options=(--username=postgres --encoding=UTF8 "--locale=$locale" --auth=reject)
    [ "$profile" != test ] || options+=(--no-sync)
    as_service_user "$postgres_bin/initdb" -D "$data/postgres" "${options[@]}" >"$data/initdb.log" 2>&1 9>&- ||
        {
            tail -n 15 "$data/initdb.log" >&2
            fail "initdb could not make a PostgreSQL cluster; its last lines are above"
        }
    printf "include 'callboard.conf'\n" | as_service_user tee -a "$data/postgres/postgresql.conf" >/dev/null
}

# A port of 127.0.0.1 is open to everybody on the machine, and a superuser may
# run programs as the servers' user: so nobody gets in without a password. The
# superuser's is random and in the set's state, which only its owner can read.
postgres_access() {
    cat <<'ACCESS'
# Written at every start by scripts/services: changes here are lost.
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
ACCESS
}

# Gives the superuser of a cluster that doesn't run a password: of a new one, of
# one that older scripts made without, of one whose set's state was lost.
postgres_secure() {
    if [ -z "$postgres_password" ]; then
        local password
        password=$(random_hex 16)
        # More than once: after a crash, a backend may outlive its postmaster by a moment.
        wait_until 2 postgres_set_password "$password" ||
            {
                tail -n 15 "$data/secure.log" >&2
                fail "the PostgreSQL superuser could not be given a password; the last lines are above"
            }
        postgres_password=$password
        instance_save
    fi
    postgres_access | as_service_user tee "$data/postgres/pg_hba.conf" >/dev/null
}

# Alone with the cluster no login is needed, nor a place to listen. Without its
# libraries nobody counts the statement, and so nobody can read it there.
postgres_set_password() {
    printf "ALTER ROLE postgres PASSWORD '%s'\n" "$1" |
        (cd / && as_service_user env "LC_ALL=$locale" "$postgres_bin/postgres" --single -D "$data/postgres" \
            -c shared_preload_libraries= -c log_min_error_statement=panic postgres >"$data/secure.log" 2>&1 9>&-) &&
        ! grep -q 'ERROR\|FATAL\|PANIC' "$data/secure.log"
}

# The application's role is as weak as a managed server's would be: it may make
# databases and read statistics, and is no superuser.
postgres_make_role() {
    local made
    made=$(cat "$data/postgres.made" 2>/dev/null || printf 'no')
    if [ "$made" = "$POSTGRES_MAKING" ]; then return 0; fi
    if [ "$made" = no ]; then
        postgres_admin postgres <<'SQL'
CREATE ROLE callboard LOGIN CREATEDB PASSWORD 'callboard';
GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO callboard;
SQL
    fi
    if postgres_has_statements; then postgres_make_statements; fi
    if [ "$made" = no ]; then
        printf 'CREATE DATABASE callboard OWNER callboard;\n' | postgres_admin postgres
    fi
    printf '%s\n' "$POSTGRES_MAKING" >"$data/postgres.made"
}

# Only a superuser may create this extension, and tests and benchmarks make
# databases of their own, so every new database is born with it. It has a schema
# of its own, because public belongs to the migrations.
postgres_make_statements() {
    postgres_admin template1 <<'SQL'
SET client_min_messages = warning;
CREATE SCHEMA IF NOT EXISTS statistics;
GRANT USAGE ON SCHEMA statistics TO PUBLIC;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA statistics;
GRANT EXECUTE ON FUNCTION statistics.pg_stat_statements_reset TO callboard;
ALTER ROLE callboard SET search_path = "$user", public, statistics;
SQL
}

# postgres_start [keep]: "keep" insists on the port it had; else another one is
# taken when somebody got there first.
postgres_start() {
    if postgres_running; then
        # Its own word goes before that of a state that was made anew.
        local port
        port=$(sed -n 4p "$data/postgres/postmaster.pid" 2>/dev/null || true)
        postgres_port=${port:-$postgres_port}
        return 0
    fi
    local log=$data/postgres.log tries=20
    rm -f "$data/postgres/postmaster.pid"
    postgres_configure
    postgres_secure
    while [ "$tries" -gt 0 ]; do
        tries=$((tries - 1))
        # Left by a crash. Backends that outlive their postmaster by a moment
        # hold its shared memory; the server checks that by itself, and the
        # next attempt gets through.
        if ! postgres_running; then rm -f "$data/postgres/postmaster.pid"; fi
        if [ -e "$log" ]; then mv -f "$log" "$log.old"; fi
        postgres_configure
        if (cd / && as_service_user env "LC_ALL=$locale" "$postgres_bin/pg_ctl" start -D "$data/postgres" \
            -l "$log" -w -t 120 -s >/dev/null 2>&1 </dev/null 9>&-); then
            return 0
        fi
        if ! grep -q 'could not bind\|could not create any\|shared memory\|lock file' "$log" 2>/dev/null; then
            break
        fi
        if [ "${1:-}" != keep ] && grep -q 'could not bind' "$log"; then postgres_port=$(free_port); fi
        sleep 0.5
    done
    tail -n 15 "$log" >&2 || true
    fail "PostgreSQL did not start; its last lines are above" "the whole log: $log"
}

# postgres_stop [MODE]: fast by default; immediate when it doesn't obey.
postgres_stop() {
    if ! postgres_running; then return 0; fi
    local pid
    pid=$(postgres_pid)
    postgres_signal "${1:-fast}" "$pid"
    wait_until 30 postgres_gone "$pid" || postgres_signal immediate "$pid"
    wait_until 10 postgres_gone "$pid" || fail "PostgreSQL (process $pid) doesn't stop" "look at $data/postgres.log"
}

postgres_signal() {
    local signal=INT
    [ "$1" != immediate ] || signal=QUIT
    kill "-$signal" "$2" 2>/dev/null || true
}

postgres_gone() {
    case $(process_command "$1") in
        *postgres*"$data/postgres"*) return 1 ;;
        *) return 0 ;;
    esac
}
