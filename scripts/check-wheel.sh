#!/bin/sh
# Builds the wheel from a copy of the sources and uses it in a fresh environment, outside the clone: what a person gets
# who installs the package has its command, its migrations and nothing that only a clone has.
set -eu

cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

mkdir "$work/source"
cp -R pyproject.toml README.md LICENSE trading "$work/source"
find "$work/source" -name __pycache__ -type d -prune -exec rm -rf {} +

scripts/venv.sh "$work/venv" requirements.txt
"$work/venv/bin/python" -m pip --disable-pip-version-check uninstall --quiet --yes llm-tradebot
"$work/venv/bin/python" -m pip --disable-pip-version-check wheel --quiet --no-deps --no-build-isolation \
    --wheel-dir "$work" "$work/source"
"$work/venv/bin/python" -m pip --disable-pip-version-check install --quiet --no-deps --no-index "$work"/llm_tradebot-*.whl
"$work/venv/bin/python" -m pip --disable-pip-version-check check

# Every file of the package in the clone, generated ones apart, is in the installed one.
installed=$(cd "$work" && "$work/venv/bin/python" -c 'import os, trading; print(os.path.dirname(trading.__file__))')
(cd "$work/source/trading" && find . -type f ! -name '*.pyc' | sort) >"$work/in-source"
(cd "$installed" && find . -type f ! -name '*.pyc' | sort) >"$work/in-wheel"
diff "$work/in-source" "$work/in-wheel"
grep -qx './web/static/index.html' "$work/in-wheel" || {
    echo "the dashboard's page is not in the wheel: make page builds it" >&2
    exit 1
}

# It makes its database with its own migrations, and trades: an hour of candles, then the end.
cd "$work"
mkdir candles
"$work/venv/bin/python" - >candles/BTCUSDT-1m.csv <<'CANDLES'
print("open_time_ms,open,high,low,close,volume")
for minute in range(60):
    price = 100 + minute % 7
    print(f"{1_700_000_040_000 + 60_000 * minute},{price},{price + 1},{price - 1},{price},5")
CANDLES
venv/bin/tradebot --version
venv/bin/tradebot run --market-data candles --speed max --stop-at-end --data-dir data >run.log 2>&1 || {
    cat run.log
    exit 1
}
venv/bin/tradebot status --data-dir data
echo "wheel: fine ($(wc -l <in-wheel) files)"
