#!/usr/bin/env bash
# Builds the image and looks whether it is what it should be: test-docker-build.sh [IMAGE]
#
# With IMAGE it builds nothing and looks at that one. Checked: size, Python, user, TA-Lib, PyTorch (but for --slim), the
# command, and that no compiler and no .env are in it.
# Options: --slim  the image without PyTorch
#          --python X.Y  which Python it must have (default 3.13)
# Exit codes: 0 all is well, 1 something is not, 2 unusable arguments.
set -euo pipefail
# shellcheck source=scripts/docker-common.sh
source "$(dirname "$0")/docker-common.sh"

image='' target=runtime python=3.13 bytes_max=1000000000
while (($#)); do
    case $1 in
    -h | --help) show_help "$ROOT/scripts/test-docker-build.sh" && exit 0 ;;
    --slim) target=slim bytes_max=500000000 ;;
    --python)
        [[ ${2:-} =~ ^3\.[0-9]+$ ]] || usage_error "--python takes a version such as 3.13, not '${2:-}'"
        python=$2
        shift
        ;;
    -*) usage_error "there is no option $1" ;;
    *) image=$1 ;;
    esac
    shift
done
need_docker
if [[ -z $image ]]; then
    image=$NAME:test
    TRADEBOT_TARGET=$target scripts/docker-build.sh --no-latest test || fail "the build failed"
fi
docker image inspect "$image" >/dev/null 2>&1 || fail "there is no image $image"

wrong=0
inside() { docker run --rm --network none --read-only --tmpfs /tmp --entrypoint "$1" "$image" "${@:2}" 2>&1; }
# check WHAT COMMAND...: the command must succeed.
check() {
    local what=$1 said
    shift
    if said=$("$@" 2>&1); then
        say "ok: $what${said:+: $(tail -n 1 <<<"$said")}"
    else
        warn "WRONG: $what${said:+: $(tail -n 3 <<<"$said")}"
        wrong=1
    fi
}
is_small() {
    local size
    size=$(docker image inspect -f '{{.Size}}' "$image")
    echo "$size bytes, at most $bytes_max"
    ((size < bytes_max))
}
check "size" is_small
check "Python $python" inside python -c "import sys; print(sys.version.split()[0]); assert '%d.%d' % sys.version_info[:2] == '$python'"
check "user 1000" inside python -c 'import os; print(os.getuid()); assert os.getuid() == 1000'
check "TA-Lib" inside python -c 'import talib; print(talib.__version__); talib.SMA(__import__("numpy").arange(9.0), 3)'
[[ $target == slim ]] ||
    check "PyTorch" inside python -c 'import torch; print(torch.__version__); assert torch.ones(2).sum() == 2'
check "the command" inside tradebot --version
check "the dashboard" inside python -c 'import trading.web.server, pathlib; f = pathlib.Path(trading.web.server.__file__).parent / "static/index.html"; assert f.is_file(), f'
check "no compiler" inside sh -c '! command -v gcc && ! command -v cc && ! command -v g++ && ! command -v make'
check "no secrets" inside sh -c '! find /app -name ".env*" | grep .'
((wrong == 0)) || fail "$image is not what it should be"
say "$image is what it should be"
