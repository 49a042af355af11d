#!/usr/bin/env bash
# Builds and starts the bot and its dashboard on this machine: deploy-local.sh [OPTION...]
#
# Without a .env that is the paper demo. Run again, it brings the deployment up to date. It waits until both are
# healthy, and shows where the dashboard is and how to log in.
#
# Options: --no-build  start the image that there is
#          --dev  with the code of this clone mounted; a change restarts what it concerns (docker-compose.dev.yml)
#          --timeout SECONDS  how long to wait (default 120)
# Exit codes: 0 both healthy, 1 failed, 2 unusable arguments.
set -euo pipefail
# shellcheck source=scripts/docker-common.sh
source "$(dirname "$0")/docker-common.sh"

build=(--build) files=() timeout=120
while (($#)); do
    case $1 in
    -h | --help) show_help "$ROOT/scripts/deploy-local.sh" && exit 0 ;;
    --no-build) build=(--no-build) ;;
    --dev) files=(-f docker-compose.yml -f docker-compose.dev.yml) ;;
    --timeout)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || usage_error "--timeout takes a number of seconds, not '${2:-}'"
        timeout=$2
        shift
        ;;
    *) usage_error "there is no option $1" ;;
    esac
    shift
done

need_docker
if ((${#files[@]})) && [[ ! -e trading/web/static/index.html ]]; then
    say "Building the page, which the mounted code does not have yet ..."
    scripts/build-page.sh
fi
compose "${files[@]}" up --detach "${build[@]}" || fail "the services were not started"
wait_healthy "$timeout" trading-bot dashboard || exit 1
say "dashboard: http://$(published_address)"
# One that the dashboard makes itself may come into its log a moment after it is healthy.
find_login() {
    login=$(compose logs --no-color dashboard 2>/dev/null | grep -o "the dashboard's password is [^ \"]*" | tail -n 1)
}
[[ -n $(env_value DASHBOARD_PASSWORD '') ]] || wait_until 5 find_login || true
say "${login:-password: as you set it, or as the first log of the dashboard shows it}"
say "log: docker compose logs -f trading-bot       stop: docker compose stop"
