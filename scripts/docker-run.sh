#!/usr/bin/env bash
# Runs one command in the image, for trying out: docker-run.sh [COMMAND...]
#
#   docker-run.sh                              a bot in the foreground: paper money, made-up market, nothing kept
#   docker-run.sh tradebot --help
#   docker-run.sh --keep tradebot status       with ./data, as the deployment has it
#
# As hardened as the deployment: not root, read-only, no capabilities. Ctrl-C ends it in order.
# Options: --keep  use ./data and ./models instead of folders that go with the container
# Exit code: that of the command.
set -euo pipefail
# shellcheck source=scripts/docker-common.sh
source "$(dirname "$0")/docker-common.sh"

storage=(--tmpfs "/app/data:uid=1000,gid=1000" --tmpfs "/app/models:uid=1000,gid=1000")
case ${1:-} in
-h | --help) show_help "$ROOT/scripts/docker-run.sh" && exit 0 ;;
--keep)
    shift
    storage=(--volume "$ROOT/data:/app/data" --volume "$ROOT/models:/app/models")
    ;;
-*) usage_error "there is no option $1" ;;
esac

need_docker
docker image inspect "$IMAGE" >/dev/null 2>&1 || fail "there is no image $IMAGE; scripts/docker-build.sh makes it"
terminal=()
[[ -t 0 && -t 1 ]] && terminal=(--interactive --tty)
settings=()
[[ -f .env ]] && settings=(--env-file .env)
exec docker run --rm "${terminal[@]}" "${settings[@]}" "${storage[@]}" --env DATA_DIR=/app/data \
    --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --memory 2g --pids-limit 512 \
    --stop-timeout 45 "$IMAGE" "$@"
