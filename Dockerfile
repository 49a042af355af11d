# The image of the bot and of its dashboard. Targets: runtime (with PyTorch, the default) and slim (without).
#
#   docker build -t llm-tradebot .
#   docker build -t llm-tradebot:slim --target slim .
#   docker build -t llm-tradebot --build-context wheels=FOLDER .       with a PyTorch wheel from a folder
#
# What changes rarely comes first: a change of the code rebuilds the last, small layers only.

ARG PYTHON_IMAGE=python:3.13-slim-bookworm

# A folder of wheels, where `--build-context wheels=FOLDER` names one; else nothing.
FROM scratch AS wheels

# --- what both the builders and the final images stand on
FROM ${PYTHON_IMAGE} AS base
ENV PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore

# --- the packages that the bot runs on, each by its hash; all of them come as wheels, TA-Lib with its C library in it
FROM base AS packages-whole
RUN apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv --without-pip /opt/tradebot
COPY requirements.txt /build/
RUN python3 -m pip --python /opt/tradebot/bin/python install \
        --require-hashes --only-binary :all: -r /build/requirements.txt

FROM packages-whole AS packages
COPY deploy/image/prune.sh /build/
RUN /build/prune.sh /opt/tradebot/lib/python3.*/site-packages

# --- and PyTorch. Its own packages come by the lock's hashes; of PyTorch itself the lock has only the hashes of the builds
# on PyPI (CUDA on x86-64), so the CPU build is held to its version, and to TORCH_SHA256 where that is given.
FROM packages-whole AS packages-torch
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH_SHA256=
COPY deploy/image/install-torch.sh requirements-torch.txt /build/
RUN --mount=from=wheels,target=/wheels \
    /build/install-torch.sh /opt/tradebot/bin/python /build/requirements-torch.txt /wheels "$TORCH_INDEX" "$TORCH_SHA256"
COPY deploy/image/prune.sh /build/
RUN /build/prune.sh /opt/tradebot/lib/python3.*/site-packages

# --- the dashboard's page; Node comes from PyPI and stays here
FROM base AS page
WORKDIR /source
COPY requirements-frontend.txt ./
COPY scripts/find-python.sh scripts/build-page.sh ./scripts/
COPY frontend ./frontend
RUN scripts/build-page.sh

# --- the application, installed as any package is, into a folder of its own
FROM base AS application
RUN python3 -m venv /opt/build
COPY requirements-build.txt /build/
RUN /opt/build/bin/python -m pip install --require-hashes -r /build/requirements-build.txt
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY trading ./trading
COPY --from=page /source/trading/web/static ./trading/web/static
RUN /opt/build/bin/python -m pip install --no-deps --no-build-isolation --no-compile --target /app . \
    && sed -i '1s|.*|#!/opt/tradebot/bin/python|' /app/bin/tradebot \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /app/trading

# --- the system of the final images
FROM base AS system
RUN apt-get update \
    && apt-get install -y --no-install-recommends curl tini \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/apt/* /var/cache/debconf/* /usr/share/doc/* /usr/share/man/* \
    && useradd --uid 1000 --user-group --no-create-home --home-dir /app --shell /usr/sbin/nologin tradingbot \
    && install -d -o tradingbot -g tradingbot /app /app/data /app/models
# The root file system is read-only where this runs: without these, every start would compile the library anew.
RUN python3 -m compileall -q -x '/(site-packages|ensurepip|idlelib|lib2to3|tkinter|turtledemo|test|pydoc_data)/' \
        --invalidation-mode unchecked-hash "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
ENV PATH=/app/bin:/opt/tradebot/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/app/data
WORKDIR /app
EXPOSE 5173
ENTRYPOINT ["tini", "--"]
CMD ["python", "-m", "trading.cli", "run"]

# --- the image without PyTorch
FROM system AS slim
COPY --from=packages /opt/tradebot /opt/tradebot
COPY --from=application /app /app
USER tradingbot
RUN tradebot --version && python -c 'import talib, trading.cli, trading.live.assembly, trading.web.server'
ARG VERSION=dev
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="llm-tradebot" \
      org.opencontainers.image.description="A self-hosted crypto trading bot and its dashboard" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"

# --- the image with PyTorch, the default
FROM system AS runtime
COPY --from=packages-torch /opt/tradebot /opt/tradebot
COPY --from=application /app /app
USER tradingbot
RUN tradebot --version && python -c 'import talib, torch, trading.cli, trading.live.assembly, trading.web.server'
ARG VERSION=dev
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="llm-tradebot" \
      org.opencontainers.image.description="A self-hosted crypto trading bot and its dashboard" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"
