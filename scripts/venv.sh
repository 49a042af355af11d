#!/bin/sh
# Makes or brings up to date a virtual environment: venv.sh FOLDER LOCK...
# Every package comes from a hashed lock; the project itself is installed so that edits to it take effect at once.
set -eu

folder=$1
shift

# Debian and Ubuntu keep the part of Python that makes environments in a package of its own.
install_venv_module() {
    package=python$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "$1 cannot make virtual environments (no ensurepip). Install your system's package for it, then try again." >&2
        exit 1
    fi
    if [ "$(id -u)" = 0 ]; then
        as_root=''
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root='sudo -n'
    else
        echo "$1 cannot make virtual environments yet. Run this once, then try again:" >&2
        echo "    sudo apt-get install $package" >&2
        exit 1
    fi
    echo "Installing $package (Debian's packages) ..."
    $as_root apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null
}

is_usable() {
    [ -x "$1/bin/python" ] && "$1/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if ! is_usable "$folder"; then
    python=$("$(dirname "$0")/find-python.sh")
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install_venv_module "$python"
    echo "Making $folder with $("$python" --version) ..."
    "$python" -m venv --clear "$folder"
fi

locks=''
for lock in requirements-build.txt "$@"; do
    locks="$locks -r $lock"
done
pip="$folder/bin/python -m pip --disable-pip-version-check"
echo "Installing what $* list into $folder ..."
# shellcheck disable=SC2086  # two lists of words
$pip install --quiet --require-hashes $locks
# shellcheck disable=SC2086
$pip install --quiet --no-deps --no-build-isolation --editable .
