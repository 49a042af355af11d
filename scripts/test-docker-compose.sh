#!/usr/bin/env bash
# Starts the deployment, looks at it from outside, and stops it: test-docker-compose.sh
#
# Under a project name of its own, with folders of its own, so that a deployment that runs is not touched. Checked: both
# services healthy in time, the dashboard's answers on the host, a log without errors, trades, and an end in order. It says how long until both were healthy.
# Options: --timeout SECONDS  how long until both must be healthy (default 60)
# Environment: TRADEBOT_IMAGE (default llm-tradebot:latest), which must be there; SERVICES_FILE, a further compose file.
# Exit codes: 0 all is well, 1 something is not, 2 unusable arguments.
set -euo pipefail
# shellcheck source=scripts/docker-common.sh
source "$(dirname "$0")/docker-common.sh"

timeout=60
while (($#)); do
    case $1 in
    -h | --help) show_help "$ROOT/scripts/test-docker-compose.sh" && exit 0 ;;
    --timeout)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || usage_error "--timeout takes a number of seconds, not '${2:-}'"
        timeout=$2
        shift
        ;;
    *) usage_error "there is no option $1" ;;
    esac
    shift
done
start_test_deployment
wait_healthy "$timeout" trading-bot dashboard || fail "not healthy in time"
say "both healthy $(($(date +%s%3N) - STARTED_MS)) ms after 'docker compose up' began"
address=http://$(published_address)
curl -fsS -m 5 -o /dev/null "$address/health" || fail "$address/health does not say healthy"
page=$(curl -fsS -m 5 "$address/") && [[ ${page,,} == *'<!doctype html'* ]] || fail "$address/ is not the page"
wait_until 120 has_logged trading-bot '"event":"fill"' || fail "the bot does not trade"
errors=$(compose logs --no-color 2>/dev/null | grep -E '"level":"(error|critical)"|Traceback' || true)
[[ -z $errors ]] || fail "there are errors in the log: $(head -n 3 <<<"$errors")"
bot=$(container trading-bot)
compose stop
code=$(docker inspect -f '{{.State.ExitCode}}' "$bot")
[[ $code == 0 ]] || fail "the bot ended with exit code $code"
say "the deployment works"
