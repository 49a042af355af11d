"""The page's types are made from a file: it says what the server says."""

from __future__ import annotations

from scripts.write_openapi import FILE, api


def test_the_page_knows_the_api_as_it_is() -> None:
    assert FILE.read_text("utf-8") == api(), "python -m scripts.write_openapi writes it anew; then see make page"
