"""Whatever the description of the API allows, and what it refuses, is answered as it says; never by a 5xx.

Half of the requests are made of data that the description refuses. The database is that of a real run.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.specs.openapi import checks as openapi_checks

from tests.support.web import Served, run_real_bot, serving, web_app
from trading.web.access import CSRF_HEADER
from trading.web.keys import COOKIE, csrf_of
from trading.web.openapi import routes_of
from trading.web.routes import PARTS

load_all_checks()
CHECKED = [
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.response_headers_conformance,
    *CHECKS.get_by_names(["not_a_server_error"]),
]
# 503 is what these say when the bot is not well, as here where none runs.
MAY_BE_503 = ("/health", "/readyz", "/livez")
# A logout would end the session of those that come after it; one of its own shows that it can be done.
LEFT_OUT = ("/api/v1/logout",)
OPERATIONS = sorted(
    (path, method)
    for method, path, _ in routes_of([part.router for part in PARTS])
    if path not in LEFT_OUT and path != "/api/v1/openapi.json"
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = run_real_bot(tmp_path_factory.mktemp("web"))
    with serving(web_app(folder, settings={"DASHBOARD_PASSWORD": "correct horse battery"})) as found:
        yield found
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def schema(served: Served) -> Any:
    return schemathesis.openapi.from_dict(served.app.openapi())


def strategies(schema: Any, path: str, method: str) -> st.SearchStrategy[Any]:
    operation = schema[path][method]
    return operation.as_strategy(GenerationMode.POSITIVE) | operation.as_strategy(GenerationMode.NEGATIVE)


def try_out(served: Served, case: Any, session: requests.Session) -> requests.Response:
    case.headers = {name: value for name, value in (case.headers or {}).items() if name.lower() != "host"}
    answer = case.call(base_url=served.address, session=session)
    may_fail = answer.status_code == 503 and case.operation.path in MAY_BE_503
    case.validate_response(answer, checks=CHECKED[:-1] if may_fail else CHECKED)
    return answer


def check_operation(served: Served, schema: Any, path: str, method: str, *, logged_in: bool, examples: int) -> None:
    session = requests.Session()

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(case=strategies(schema, path, method))
    def run(case: Any) -> None:
        if logged_in:
            key, _ = served.context.sessions.begin(served.context.now_ms())
            case.cookies = {COOKIE: key}
            case.headers = {**(case.headers or {}), CSRF_HEADER: csrf_of(key)}
        answer = try_out(served, case, session)
        is_public = schema[path][method].definition.raw["x-access"] == "public"
        if not logged_in and not is_public:
            assert answer.status_code in (400, 401, 405, 422, 429)

    with session:
        run()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
@pytest.mark.parametrize("logged_in", [True, False], ids=["owner", "stranger"])
def test_the_answers_are_as_described(served: Served, schema: Any, path: str, method: str, logged_in: bool) -> None:
    check_operation(served, schema, path, method, logged_in=logged_in, examples=10 if logged_in else 4)


@pytest.mark.soak
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_many_answers_are_as_described(served: Served, schema: Any, path: str, method: str) -> None:
    check_operation(served, schema, path, method, logged_in=True, examples=1_000)
    check_operation(served, schema, path, method, logged_in=False, examples=200)
