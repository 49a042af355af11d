"""The built page: files of `trading/web/static`, and what is said where it has not been built."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
INDEX = "index.html"
COMPRESSED_FROM_BYTES = 1_000
NOT_BUILT = "The page has not been built: `make run` builds it. The API under /api/v1 works without it.\n"


class Assets(StaticFiles):
    """Files whose names change with their content: browsers may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with how long it may be kept."""
        response = await super().get_response(path, scope)
        if response.status_code == HTTPStatus.OK:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def install(app: FastAPI, static: Path = STATIC) -> None:
    """Serve the page at `/`, its files under `/assets`. Looked for at each request, so that a build is seen at once."""
    assets = Assets(directory=static / "assets", check_dir=False)
    app.mount("/assets", GZipMiddleware(assets, minimum_size=COMPRESSED_FROM_BYTES), name="assets")

    async def page(request: Request) -> Response:
        index = static / INDEX
        if not index.is_file():
            return PlainTextResponse(NOT_BUILT, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "60"})
        return FileResponse(index, headers={"Cache-Control": "no-cache"})

    app.add_api_route("/", page, methods=["GET"], include_in_schema=False, response_model=None)
