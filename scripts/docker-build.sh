#!/usr/bin/env bash
# Builds the image: docker-build.sh [VERSION] [export]
#
#   docker-build.sh                  llm-tradebot:latest, and by the version that git describes
#   docker-build.sh 1.2.0            llm-tradebot:1.2.0 and llm-tradebot:latest
#   docker-build.sh 1.2.0 export     and the file llm-tradebot-1.2.0.tar, for `docker load` on another machine
#
# Options: --slim  without PyTorch
#          --no-latest  leave the tag latest where it is
# Environment: PYTHON_IMAGE (the base), TORCH_WHEELS (a folder with a PyTorch wheel), TORCH_SHA256 (that it must have),
# TRADEBOT_IMAGE (another name).
# Exit codes: 0 built, 1 failed, 2 unusable arguments.
set -euo pipefail
# shellcheck source=scripts/docker-common.sh
source "$(dirname "$0")/docker-common.sh"

version='' export=no target=${TRADEBOT_TARGET:-runtime} latest=yes
for argument in "$@"; do
    case $argument in
    -h | --help) show_help "$ROOT/scripts/docker-build.sh" && exit 0 ;;
    --slim) target=slim ;;
    --no-latest) latest=no ;;
    -*) usage_error "there is no option $argument" ;;
    export) export=yes ;;
    *)
        [[ -z $version ]] || usage_error "one version is enough: $version, $argument"
        [[ $argument =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] || usage_error "'$argument' cannot be the tag of an image"
        version=$argument
        ;;
    esac
done
[[ -n $version ]] || version=$(git describe --tags --always --dirty 2>/dev/null || echo dev)

need_docker
arguments=(--target "$target" --tag "$NAME:$version"
    --build-arg "VERSION=$version"
    --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)"
    --build-arg "CREATED=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    --build-context "wheels=${TORCH_WHEELS:-deploy/wheels}")
[[ $latest == yes ]] && arguments+=(--tag "$NAME:latest")
[[ -n ${PYTHON_IMAGE:-} ]] && arguments+=(--build-arg "PYTHON_IMAGE=$PYTHON_IMAGE")
[[ -n ${TORCH_SHA256:-} ]] && arguments+=(--build-arg "TORCH_SHA256=$TORCH_SHA256")
docker build "${arguments[@]}" . || fail "the build failed"

size=$(docker image inspect -f '{{.Size}}' "$NAME:$version")
say "built $NAME:$version ($target, $size bytes)"
if [[ $export == yes ]]; then
    file=$(basename "$NAME")-$version.tar
    docker save --output "$file.unfinished" "$NAME:$version" && mv "$file.unfinished" "$file"
    say "exported to $file: docker load --input $file"
fi
