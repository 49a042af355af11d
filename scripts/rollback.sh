#!/usr/bin/env bash
# Goes back to a previous version: rollback.sh [OPTION...]
#
# Stops the bot without selling (positions keep their stops), puts the image back, and starts it. Where the database has
# been migrated since, the old version could not open it: then --database names the backup that was made before, and what
# the new version wrote is moved aside. The paper account stays as it is, as an exchange's does: the bot compares itself
# with it when it starts.
#
# Options: --image IMAGE  to go back to (default: the one before the last deployment, NAME:previous)
#          --database BACKUP  of the version that is gone back to; used only if the schema has changed since
#          --no-start  leave the bot stopped
#          --timeout SECONDS  how long it may take to be ready (default 180)
#          --yes  do not ask
# Exit codes: 0 the previous version runs, 1 failed, 2 unusable arguments.
set -euo pipefail
# shellcheck source=scripts/docker-common.sh
source "$(dirname "$0")/docker-common.sh"

image=$NAME:previous backup='' start=yes timeout=180 sure=no
while (($#)); do
    case $1 in
    -h | --help) show_help "$ROOT/scripts/rollback.sh" && exit 0 ;;
    --yes) sure=yes ;;
    --no-start) start=no ;;
    --image | --database | --timeout)
        [[ -n ${2:-} ]] || usage_error "$1 needs a value"
        case $1 in
        --image) image=$2 ;;
        --database) backup=${2%/} ;;
        --timeout) timeout=$2 ;;
        esac
        shift
        ;;
    *) usage_error "there is no option $1" ;;
    esac
    shift
done
[[ $timeout =~ ^[1-9][0-9]*$ ]] || usage_error "--timeout takes a number of seconds, not '$timeout'"
[[ -z $backup || -f $backup/manifest.json ]] || usage_error "$backup is not the folder of a backup"
need_docker
docker image inspect "$image" >/dev/null 2>&1 || fail "there is no image $image to go back to"
if [[ $sure == no && -t 0 ]]; then
    read -r -p "Go back to $image? Positions stay, with their stops. (yes/no) " answer
    [[ $answer == yes ]] || fail "nothing was changed"
fi

id=$(container trading-bot)
if [[ -n $id ]]; then
    docker update --restart=no "$id" >/dev/null
    if is_running trading-bot; then
        # A version that does not work may not hear its command. SIGTERM would sell; SIGKILL leaves the stops in place,
        # and the next start compares everything with the exchange, as after any crash.
        stop_bot keep 45 || true
        is_down "$id" || { warn "the bot did not end in order: it is killed"; docker kill "$id" >/dev/null || true; }
    fi
fi
compose stop --timeout 15 dashboard backup >/dev/null 2>&1 || true
docker tag "$image" "$IMAGE"

# Does the old version read the database as it is?
code=0
said=$(tradebot db info 2>&1) || code=$?
if ((code != 0)) && grep -q 'was written by a newer version' <<<"$said"; then
    [[ -n $backup ]] || fail "the database has been migrated; name the backup from before: --database backups/..."
    name=$(basename "$backup")
    compose run --rm --no-deps -T backup tradebot db restore "/backups/$name" --replace --journal-only ||
        fail "the database could not be put back; it is as the new version left it"
fi
[[ $start == yes ]] || { say "$image is in its place, and stopped"; exit 0; }
compose up --detach --no-build --force-recreate trading-bot dashboard || fail "the previous version was not started"
for service in trading-bot dashboard; do
    if ! wait_until "$timeout" is_ready "$service"; then
        compose logs --no-color --tail 20 "$service" >&2 || true
        fail "$service of the previous version is not ready after $timeout s"
    fi
done
say "back: $image"
