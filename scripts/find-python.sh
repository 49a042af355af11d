#!/bin/sh
# Prints the Python to use: $PYTHON where it is set, else the first one found that is new enough (3.11).
# With a version as argument (3.13), prints a Python of that version instead, or ends with 1.
set -eu

wanted=${1:-}
oldest='3.11'

# A name on the PATH may be a launcher whose version is not installed, so each candidate is asked.
version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

pyenv_pythons() {
    command -v pyenv >/dev/null 2>&1 || return 0
    for folder in "$(pyenv root)"/versions/3.*; do
        [ -x "$folder/bin/python3" ] && printf '%s\n' "$folder/bin/python3"
    done
}

if [ -n "$wanted" ]; then
    for python in python3 "python$wanted" $(pyenv_pythons); do
        if [ "$(version_of "$python")" = "$wanted" ]; then
            command -v "$python"
            exit 0
        fi
    done
    echo "No Python $wanted was found." >&2
    exit 1
fi

if [ -n "${PYTHON:-}" ]; then
    if is_new_enough "$PYTHON"; then
        command -v "$PYTHON"
        exit 0
    fi
    echo "PYTHON=$PYTHON is not a Python $oldest or newer. Name another, as in: make run PYTHON=python3.13" >&2
    exit 1
fi

for python in python3 python3.13 python3.14 python3.12 python3.11 $(pyenv_pythons); do
    if is_new_enough "$python"; then
        command -v "$python"
        exit 0
    fi
done
found=$(version_of python3 || echo none)
echo "Python $oldest or newer is needed; python3 is: $found. On Debian or Ubuntu: sudo apt install python3 python3-venv" >&2
echo "If a newer one is installed elsewhere, name it: make run PYTHON=/path/to/python3.13" >&2
exit 1
