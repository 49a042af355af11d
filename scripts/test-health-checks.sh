#!/usr/bin/env bash
# Starts the deployment, breaks it, and looks whether it is noticed and mended: test-health-checks.sh
#
# Under a project name of its own, with folders of its own, so that a deployment that runs is not touched. Needs to be
# root, since it kills and stops processes of containers. Checked: healthy after the start; a bot that stands still
# is shown unhealthy within 30 s; one that was killed is back within 10 s; SIGTERM ends it in order.
# Environment: TRADEBOT_IMAGE (default llm-tradebot:latest), which must be there; SERVICES_FILE, a further compose file.
# Exit codes: 0 all is well, 1 something is not, 2 unusable arguments.
set -euo pipefail
# shellcheck source=scripts/docker-common.sh
source "$(dirname "$0")/docker-common.sh"

case ${1:-} in
'') ;;
-h | --help) show_help "$ROOT/scripts/test-health-checks.sh" && exit 0 ;;
*) usage_error "there is no option $1" ;;
esac
[[ $(id -u) == 0 ]] || fail "this needs root: it kills and stops processes of containers"
start_test_deployment
wait_healthy 60 trading-bot dashboard || fail "not healthy in time"

bot=$(container trading-bot)
started_at() { docker inspect -f '{{.State.StartedAt}}' "$bot"; }
# The program itself; Docker would take the death of the init process by `docker kill` for a stop by hand.
program() { cat "/proc/$(docker inspect -f '{{.State.Pid}}' "$bot")/task/"*/children | awk '{print $1; exit}'; }
program=$(program)
kill -STOP "$program"
is_unhealthy() { [[ $(health trading-bot) == unhealthy ]]; }
noticed=yes
wait_until 30 is_unhealthy || noticed=no
kill -CONT "$program"
[[ $noticed == yes ]] || fail "the bot stood still for 30 s and is not shown unhealthy"
wait_until 60 is_healthy trading-bot || fail "the bot goes on, but is not healthy again"
say "standing still: noticed, and healthy again"

before=$(started_at)
kill -KILL "$(program)"
is_back() { [[ $(started_at) != "$before" ]] && is_running trading-bot; }
wait_until 10 is_back || fail "the bot was killed and is not back within 10 s"
wait_until 60 is_healthy trading-bot || fail "the bot is back, but not healthy"
say "killed: back and healthy"

compose stop
code=$(docker inspect -f '{{.State.ExitCode}}' "$bot")
[[ $code == 0 ]] || fail "the bot ended with exit code $code"
has_logged trading-bot '"event":"shutdown.done"' || fail "the log does not say how it ended"
say "the health checks see what they should"
