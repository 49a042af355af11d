# shellcheck shell=bash disable=SC2034
# What the deployment scripts share; sourced by them, after which the working directory is that of the clone.
#
# TRADEBOT_IMAGE and COMPOSE_PROJECT_NAME choose another image and another deployment than the usual one.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT" || exit 1
IMAGE=${TRADEBOT_IMAGE:-llm-tradebot:latest}
NAME=${IMAGE%:"${IMAGE##*[:/]}"}
BACKUPS=$ROOT/backups

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
fail() {
    warn "error: $*"
    exit 1
}
usage_error() {
    warn "error: $*"
    warn "See $(basename "$0") --help."
    exit 2
}

# show_help FILE: the comment at the top of a script.
show_help() { sed -n '2,/^[^#]/{/^#/{s/^# \{0,1\}//;p}}' "$1"; }

need_docker() {
    command -v docker >/dev/null || fail "Docker is not installed"
    docker info >/dev/null 2>&1 || fail "no Docker Engine answers (is it running, and may this user use it?)"
    local version
    version=$(docker compose version --short 2>/dev/null) || fail "Docker's Compose plugin is not installed"
    printf '%s\n%s\n' 2.24.0 "${version#v}" | sort -V -C || fail "Compose $version is too old: 2.24 or newer is needed"
}

compose() { docker compose "$@"; }

# container SERVICE: the id of its container, running or not; nothing where there is none.
container() { docker compose ps --all --quiet "$1" 2>/dev/null | head -n 1; }

is_running() {
    local id
    id=$(container "$1")
    [[ -n $id && $(docker inspect -f '{{.State.Running}}' "$id" 2>/dev/null) == true ]]
}

# health SERVICE: healthy, unhealthy, starting, or what its container is where it does not run.
health() {
    local id
    id=$(container "$1")
    [[ -n $id ]] || { echo missing; return; }
    docker inspect -f '{{if not .State.Running}}{{.State.Status}}{{else if .State.Health}}{{.State.Health.Status}}{{else}}running{{end}}' \
        "$id" 2>/dev/null || echo missing
}

is_healthy() { [[ $(health "$1") == healthy ]]; }

# is_ready SERVICE: whether it says itself, inside its container, that it can work; a halted bot can.
is_ready() {
    local port=5174
    [[ $1 == dashboard ]] && port=${DASHBOARD_PORT:-$(env_value DASHBOARD_PORT 5173)}
    is_running "$1" && compose exec -T "$1" curl -fsS -m 4 -o /dev/null "http://127.0.0.1:$port/readyz" >/dev/null 2>&1
}

# env_value NAME DEFAULT: a setting from .env that these scripts need themselves.
env_value() {
    local found=''
    [[ -f .env ]] && found=$(sed -n "s/^[[:space:]]*$1=//p" .env | tail -n 1 | sed "s/^[\"']//;s/[\"'][[:space:]]*$//")
    printf '%s' "${found:-$2}"
}

# wait_until SECONDS COMMAND...: whether the command succeeds within that time.
wait_until() {
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < until)) || return 1
        sleep 0.5
    done
}

# tradebot ARGUMENT...: the command, in a container of its own beside those that run.
tradebot() { compose run --rm --no-deps -T trading-bot tradebot "$@"; }

is_down() { [[ $(docker inspect -f '{{.State.Running}}' "$1" 2>/dev/null) != true ]]; }

# stop_bot POLICY SECONDS: end the bot in order, and keep Docker from starting it again. Its own exit code.
stop_bot() {
    local id code=0
    is_running trading-bot || return 0
    id=$(container trading-bot)
    docker update --restart=no "$id" >/dev/null
    tradebot stop --policy "$1" --wait "$2" || code=$?
    wait_until 15 is_down "$id" || return 1
    return "$code"
}

# published_address: where the dashboard is reached on this machine.
published_address() { compose port dashboard "${DASHBOARD_PORT:-$(env_value DASHBOARD_PORT 5173)}" 2>/dev/null; }

# has_logged SERVICE TEXT: whether its log has that text. Read to its end: `grep -q` goes at the first match, and the log's
# writer dies of that, which pipefail would take for 'no'.
has_logged() {
    local lines
    lines=$(compose logs --no-color "$1" 2>/dev/null) && [[ $lines == *"$2"* ]]
}

# wait_healthy SECONDS SERVICE...: wait for all of them, say how long it took, show the log of one that is not.
wait_healthy() {
    local seconds=$1 started=$SECONDS service
    shift
    for service in "$@"; do
        if ! wait_until $((seconds - SECONDS + started)) is_healthy "$service"; then
            warn "$service is $(health "$service") after $((SECONDS - started)) s; its last lines:"
            compose logs --no-color --tail 20 "$service" >&2 || true
            return 1
        fi
    done
    say "$* healthy after $((SECONDS - started)) s"
}

# start_test_deployment: a deployment of its own, from the image that there is, gone when the script ends. Its folders
# are in a temporary one, its port is free; SERVICES_FILE may name a compose file that changes it. STARTED_MS is when.
start_test_deployment() {
    need_docker
    docker image inspect "$IMAGE" >/dev/null 2>&1 || fail "there is no image $IMAGE; scripts/docker-build.sh makes it"
    TEST_FOLDER=$(mktemp -d)
    cp docker-compose.yml "$TEST_FOLDER"
    [[ -z ${SERVICES_FILE:-} ]] || cp "$SERVICES_FILE" "$TEST_FOLDER/docker-compose.override.yml"
    cd "$TEST_FOLDER" || exit 1
    COMPOSE_PROJECT_NAME=llm-tradebot-test-$$
    DASHBOARD_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])' 2>/dev/null || shuf -i 20000-50000 -n 1)
    TRADEBOT_IMAGE=$IMAGE
    export COMPOSE_PROJECT_NAME DASHBOARD_PORT TRADEBOT_IMAGE
    trap end_test_deployment EXIT
    # Fast enough that there is something to see.
    printf 'TRADING_DEMO_SPEED=30\nTRADING_SEED=3\n' >.env
    STARTED_MS=$(date +%s%3N)
    compose up --detach --no-build || fail "the services were not started"
}

end_test_deployment() {
    compose kill >/dev/null 2>&1 || true
    compose down --volumes --timeout 1 >/dev/null 2>&1 || true
    rm -rf "$TEST_FOLDER"
}
