#!/usr/bin/env bash
# Brings a new version into production and goes back by itself if it does not work: deploy-production.sh [OPTION...]
#
#  1. builds the image (or takes --image), and has it check .env (`tradebot check-config`)
#  2. asks for confirmation, only where real money is on
#  3. stops the bot; positions stay, each with its stop at the exchange, unless --policy says otherwise
#  4. backs up the database, as the old version left it
#  5. starts the new version, which migrates the database, and waits until bot and dashboard say that they are ready
#  6. compares positions, orders and latches with those before
# If 5 or 6 fails it puts the previous image back, and the database where the new version has changed its schema. If the
# connection to this machine is lost meanwhile it goes on, or back, by itself: deploy.log has the rest of what it says.
#
# Options: --version V  tag of the new image (default: as git describes)
#          --image IMAGE  deploy this image instead of building one
#          --policy P  keep (default), cancel or flatten: what the stop does with positions
#          --timeout SECONDS  how long the new version may take to be ready (default 180)
#          --yes  do not ask, even with real money
# Exit codes: 0 deployed, 1 failed and as before (or nothing was done), 2 unusable arguments or settings,
#             3 failed and going back failed too: look at once.
set -euo pipefail
# shellcheck source=scripts/docker-common.sh
source "$(dirname "$0")/docker-common.sh"

version='' new='' policy=keep timeout=180 sure=no
while (($#)); do
    case $1 in
    -h | --help) show_help "$ROOT/scripts/deploy-production.sh" && exit 0 ;;
    --yes) sure=yes ;;
    --version | --image | --policy | --timeout)
        [[ -n ${2:-} ]] || usage_error "$1 needs a value"
        case $1 in
        --version) version=$2 ;;
        --image) new=$2 ;;
        --policy) policy=$2 ;;
        --timeout) timeout=$2 ;;
        esac
        shift
        ;;
    *) usage_error "there is no option $1" ;;
    esac
    shift
done
[[ $policy =~ ^(keep|cancel|flatten)$ ]] || usage_error "--policy is keep, cancel or flatten, not '$policy'"
[[ $timeout =~ ^[1-9][0-9]*$ ]] || usage_error "--timeout takes a number of seconds, not '$timeout'"
[[ -f .env ]] || usage_error "there is no .env: copy .env.production.template to .env and fill it in"
chmod go-rwx .env 2>/dev/null || warn "note: .env may be read by others (chmod 600 .env)"
need_docker

# -- the new image, and what it says of the settings

if [[ -z $new ]]; then
    version=${version:-$(git describe --tags --always --dirty 2>/dev/null || date -u +%Y%m%d%H%M%S)}
    scripts/docker-build.sh --no-latest "$version" || fail "nothing was changed"
    new=$NAME:$version
fi
docker image inspect "$new" >/dev/null 2>&1 || fail "there is no image $new; nothing was changed"
old=$(docker inspect -f '{{.Image}}' "$(container trading-bot)" 2>/dev/null ||
    docker image inspect -f '{{.Id}}' "$IMAGE" 2>/dev/null || true)

new_tradebot() { TRADEBOT_IMAGE=$new compose run --rm --no-deps -T trading-bot tradebot "$@"; }
TRADEBOT_IMAGE=$new compose run --rm --no-deps -T init || fail "the folders could not be prepared; nothing was changed"
if ! settings=$(new_tradebot check-config --json); then
    new_tradebot check-config >&2 || true
    warn "error: the new version cannot start with these settings; nothing was changed"
    exit 2
fi
if grep -q '"real_money": true' <<<"$settings" && [[ $sure == no ]]; then
    warn "This deployment trades with REAL MONEY."
    read -r -p "Deploy $new? (yes/no) " answer </dev/tty || fail "nobody could be asked (--yes does not ask)"
    [[ $answer == yes ]] || fail "nothing was changed"
fi

# -- from here on, whatever goes wrong ends in going back

backup='' before='' was_running=no going_back=no
compare_holdings() {
    compose run --rm --no-deps -T backup tradebot db holdings --compare "/backups/$(basename "$backup")/holdings.json"
}
go_back() {
    trap - ERR INT TERM
    going_back=yes
    warn "going back to the previous version ..."
    [[ -n $old ]] || { warn "error: there is no previous version to go back to; the bot is left as it is"; exit 3; }
    local arguments=(--image "$old")
    [[ -n $backup ]] && arguments+=(--database "$backup")
    [[ $was_running == no ]] && arguments+=(--no-start)
    scripts/rollback.sh --yes "${arguments[@]}" || { warn "error: GOING BACK FAILED. Look at once: docker compose ps"; exit 3; }
    [[ -z $before ]] || compare_holdings || true
    warn "error: $new was not deployed; the previous version is in its place"
    exit 1
}
trap '[[ $going_back == yes ]] || go_back' ERR INT TERM
# Where the connection is lost there is no terminal left to write to. If what is under way ends by it, this goes back.
trap 'exec >>deploy.log 2>&1' HUP

mkdir -p "$BACKUPS"
if is_running trading-bot; then
    was_running=yes
    say "stopping the bot ($policy) ..."
    stop_bot "$policy" 60 || warn "note: the bot ended with exit code $?; what it could not do is in its log"
    is_running trading-bot && false
fi
if [[ -n $old ]]; then
    code=0
    made=$(TRADEBOT_IMAGE=$old compose run --rm --no-deps -T backup tradebot db backup /backups 2>&1) || code=$?
    if ((code == 0)); then
        backup=$BACKUPS/$(sed -n 's|^/backups/\([^:]*\): .*MB$|\1|p' <<<"$made")
        say "backup: $backup"
        [[ $policy == flatten ]] || before=$backup/holdings.json
        # Written by the user of the image, in the backup's own folder.
        TRADEBOT_IMAGE=$old compose run --rm --no-deps -T --entrypoint sh backup \
            -c "tradebot db holdings --json >/backups/$(basename "$backup")/holdings.json"
    elif ! grep -q 'no database yet' <<<"$made"; then
        warn "$made"
        false # no backup, no deployment
    fi
fi

[[ -z $old ]] || docker tag "$old" "$NAME:previous"
docker tag "$new" "$IMAGE"
say "starting $new ..."
compose up --detach --no-build --force-recreate trading-bot dashboard
for service in trading-bot dashboard; do
    if ! wait_until "$timeout" is_ready "$service"; then
        warn "$service is not ready after $timeout s; its last lines:"
        compose logs --no-color --tail 20 "$service" >&2 || true
        go_back
    fi
done
if [[ -n $before ]]; then
    compare_holdings || go_back
fi
trap - ERR INT TERM
say "deployed: $new. Back to the one before: scripts/rollback.sh${backup:+ --database backups/$(basename "$backup")}"
