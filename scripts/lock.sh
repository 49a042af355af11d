#!/bin/sh
# Writes the hashed locks from pyproject.toml, valid for every supported Python and processor at once.
# Pins that still fit are kept; `UPGRADE=1 make lock` takes the newest of everything.
set -eu

uv_version=0.9.30
venv=.venv-lock

"$venv/bin/uv" --version >/dev/null 2>&1 || {
    "$(scripts/find-python.sh)" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
}

# lock FILE TITLE ARGUMENTS...: uv keeps the pins of the file that it is told to write.
lock() {
    file=$1
    title=$2
    shift 2
    echo "Locking $file ..."
    "$venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
        ${UPGRADE:+--upgrade} --constraints scripts/lock-constraints.txt "$@" --output-file "$file"
    # shellcheck disable=SC2016  # the backquotes are meant as they stand
    printf '# %s\n# Written by `make lock` from pyproject.toml; not to be edited by hand.\n' "$title" |
        cat - "$file" >"$file.new"
    mv "$file.new" "$file"
}

lock requirements.txt 'What the bot runs on.' pyproject.toml
lock requirements-build.txt 'What turns the source into an installed package.' --group pyproject.toml:build
lock requirements-frontend.txt 'What builds the page.' --group pyproject.toml:frontend
lock requirements-dev.txt 'What its tests and checks need besides.' \
    --constraints requirements.txt --constraints requirements-build.txt --group pyproject.toml:dev
lock requirements-bench.txt 'What the benchmarks compare it with.' \
    --constraints requirements.txt --group pyproject.toml:bench
lock requirements-torch.txt 'What the bot runs on, and PyTorch for training. On x86-64 this is a CUDA build of several GB.' \
    --constraints requirements.txt --constraints requirements-build.txt --extra train pyproject.toml
