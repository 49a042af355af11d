#!/usr/bin/env bash
# Backs up the database and the paper account while the bot trades: backup.sh [--keep N] [--models]
#
# Makes backups/TIME with both as of one moment, and a manifest with checksums; prints its path on the last line.
# With the profile postgres it adds a pg_dump of the server's database, for PostgreSQL's own tools.
# Not in it: .env and secrets/ (keep them elsewhere, encrypted). The models only with --models.
#
# Options: --keep N  remove all but the newest N backups
#          --models  also models.tar
# Exit codes: 0 made, 1 failed, 2 unusable arguments.
set -euo pipefail
# shellcheck source=scripts/docker-common.sh
source "$(dirname "$0")/docker-common.sh"

keep=() models=no
while (($#)); do
    case $1 in
    -h | --help) show_help "$ROOT/scripts/backup.sh" && exit 0 ;;
    --keep)
        [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || usage_error "--keep takes a number, not '${2:-}'"
        keep=(--keep "$2")
        shift
        ;;
    --models) models=yes ;;
    *) usage_error "there is no option $1" ;;
    esac
    shift
done

need_docker
# The init service hands the folders to the user of the image; where the bot runs it has done so.
is_running trading-bot || compose run --rm --no-deps -T init || fail "the folders could not be prepared"
made=$(compose run --rm --no-deps -T backup tradebot db backup /backups "${keep[@]}") || fail "no backup was made"
name=$(sed -n 's|^/backups/\([^:]*\): .*MB$|\1|p' <<<"$made")
[[ -d $BACKUPS/$name && -n $name ]] || fail "the backup is not where it should be: $made"
say "$made"

add() {
    local file=$BACKUPS/$name/$1
    shift
    if ! compose run --rm --no-deps -T --entrypoint sh backup -c "umask 077; cat >/backups/$name/$(basename "$file").unfinished && \
mv /backups/$name/$(basename "$file").unfinished /backups/$name/$(basename "$file")"; then
        fail "$file could not be written"
    fi
}
if is_running postgres; then
    # shellcheck disable=SC2016  # the variables are the container's
    compose exec -T postgres sh -c 'exec pg_dump --format custom --username "$POSTGRES_USER" "$POSTGRES_DB"' |
        add postgres.dump || fail "pg_dump failed"
    say "$BACKUPS/$name/postgres.dump: for pg_restore"
fi
if [[ $models == yes ]]; then
    tar -C "$ROOT" -cf - models | add models.tar || fail "the models could not be packed"
    say "$BACKUPS/$name/models.tar"
fi
say "$BACKUPS/$name"
