#!/usr/bin/env bash
# Puts a backup in the place of the database and the paper account: restore.sh BACKUP [OPTION...]
#
#   restore.sh backups/20250601T120000000Z
#
# Works on an empty machine, too: clone, .env, the backup's folder, this. Stops bot and dashboard first (positions keep
# their stops), moves aside what is there, and starts both again where the bot ran before or --start says so. A kill
# switch that was set stays set.
#
# Options: --start  start the bot and the dashboard afterwards in any case
#          --journal-only  leave the paper account as it is, as a real exchange's would be
#          --yes  do not ask
# Exit codes: 0 restored, 1 failed (what was there is in its place again, or named), 2 unusable arguments.
set -euo pipefail
# shellcheck source=scripts/docker-common.sh
source "$(dirname "$0")/docker-common.sh"

backup='' start=no options=() sure=no
for argument in "$@"; do
    case $argument in
    -h | --help) show_help "$ROOT/scripts/restore.sh" && exit 0 ;;
    --start) start=yes ;;
    --journal-only) options+=(--journal-only) ;;
    --yes) sure=yes ;;
    -*) usage_error "there is no option $argument" ;;
    *)
        [[ -z $backup ]] || usage_error "one backup is enough: $backup, $argument"
        backup=${argument%/}
        ;;
    esac
done
[[ -n $backup ]] || usage_error "name the backup's folder, such as backups/20250601T120000000Z"
[[ -f $backup/manifest.json ]] || usage_error "$backup is not the folder of a backup: it has no manifest.json"
name=$(basename "$backup")

need_docker
mkdir -p "$BACKUPS"
[[ $(realpath "$backup") == "$(realpath "$BACKUPS")/$name" ]] || cp -a "$backup" "$BACKUPS/$name"
if [[ $sure == no && -e data/tradebot.db && -t 0 ]]; then
    read -r -p "Replace the database in $ROOT/data by $name? What is there is moved aside. (yes/no) " answer
    [[ $answer == yes ]] || fail "nothing was done"
fi
if is_running trading-bot; then
    start=yes
    stop_bot keep 60 || warn "the bot ended with exit code $?: its log says what is left"
    is_running trading-bot && fail "the bot still runs; nothing was replaced"
fi
compose stop dashboard backup >/dev/null 2>&1 || true
compose run --rm --no-deps -T init || fail "the folders could not be prepared"
code=0
compose run --rm --no-deps -T backup tradebot db restore "/backups/$name" --replace "${options[@]}" || code=$?
if [[ -f $BACKUPS/$name/models.tar && -z $(ls -A models 2>/dev/null) ]]; then
    tar -C "$ROOT" -xf "$BACKUPS/$name/models.tar" && say "models: as of the backup"
fi
if [[ $start == yes ]]; then
    compose up --detach --force-recreate trading-bot dashboard || fail "the services were not started"
    wait_until 120 is_ready trading-bot || fail "the bot is not ready; see docker compose logs trading-bot"
    say "the bot is ready"
fi
((code == 0)) || fail "nothing was restored"
