"""The rules of imports, purity and the seal: the tree keeps them, and the check sees each kind of break."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.check_architecture import main, violations

ROOT = Path(__file__).resolve().parents[2]


def plant(root: Path, **sources: str) -> Path:
    """A package `trading` under `root` with these modules; a double underscore in a name stands for a folder."""
    for name, source in sources.items():
        file = root / "trading" / (name.replace("__", "/") + ".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        for folder in (file.parent, root / "trading"):
            (folder / "__init__.py").touch()
        file.write_text(source, "utf-8")
    return root


def test_the_tree_keeps_the_rules() -> None:
    assert violations(ROOT) == []


def test_what_is_allowed_is_not_reported(tmp_path: Path) -> None:
    plant(
        tmp_path,
        domain__words="import msgspec\nfrom decimal import Decimal\n",
        decision__votes="import numpy as np\nimport talib\nfrom trading.domain.words import Decimal\n",
        safety__limits="from trading.domain import words\nfrom .approval import check\n",
        safety__approval="from trading.domain.orders import _SEAL\n",
        engine__engine="from trading.safety import limits\nfrom ..decision import votes\n",
        engine__keys="class Key:\n    def __hash__(self):\n        return hash(1)\n",
        store__journal="import sqlite3, time\nfrom trading.engine import engine\n",
        web__server="from trading.store import journal\n",
        manager="import asyncio\nfrom trading.store import journal\n",
        cli="from trading import manager\nfrom trading.web import server\n",
    )
    assert violations(tmp_path) == []


@pytest.mark.parametrize(
    ("module", "source", "what"),
    [
        ("domain__a", "from trading.engine import state", "domain may not import trading.engine.state"),
        ("domain__a", "import trading.safety.checks", "domain may not import trading.safety.checks"),
        ("domain__a", "import numpy", "domain is pure and may not import numpy"),
        ("decision__a", "from trading.safety import checks", "decision may not import trading.safety.checks"),
        ("decision__a", "from ..safety import checks", "decision may not import trading.safety.checks"),
        ("safety__a", "from trading.decision import x", "safety may not import trading.decision.x"),
        ("engine__a", "from trading.exchange import protocol", "engine may not import trading.exchange.protocol"),
        ("engine__a", "from trading import config", "engine may not import trading.config"),
        ("engine__a", "def f():\n    import trading.store", "engine may not import trading.store"),
        ("engine__a", "import time", "engine is pure and may not import time"),
        ("engine__a", "from random import choice", "engine is pure and may not import random"),
        ("engine__a", "import os.path", "engine is pure and may not import os"),
        ("engine__a", "import asyncio", "engine is pure and may not import asyncio"),
        ("engine__a", "import logging", "engine is pure and may not import logging"),
        ("engine__a", "from pathlib import Path", "engine is pure and may not import pathlib"),
        ("engine__a", "import sqlalchemy", "engine is pure and may not import sqlalchemy"),
        ("engine__a", "open('x')", "engine is pure and may not call open()"),
        ("engine__a", "print('x')", "engine is pure and may not call print()"),
        ("engine__a", "def key(x):\n    return hash(x)", "engine is pure and may not call hash()"),
        ("domain__a", "import datetime\ndatetime.datetime.now()", "domain is pure and may not use datetime.now"),
        (
            "domain__a",
            "from datetime import datetime as d\nd.utcnow()",
            "domain is pure and may not use datetime.utcnow",
        ),
        ("decision__a", "import numpy as np\nnp.random.rand()", "decision is pure and may not use numpy.random"),
        ("decision__a", "from numpy.random import rand", "decision is pure and may not import numpy.random.rand"),
        ("decision__a", "from numpy import load", "decision is pure and may not import numpy.load"),
    ],
)
def test_a_break_in_a_pure_package_is_found(tmp_path: Path, module: str, source: str, what: str) -> None:
    found = violations(plant(tmp_path, **{module: source}))
    assert [violation.what for violation in found] == [what]


@pytest.mark.parametrize(
    "source",
    [
        "from trading.domain.orders import _SEAL",
        "from trading.domain.orders import _SEAL as key",
        "from trading.domain import orders\norders._SEAL",
        "from trading.domain import orders\ngetattr(orders, '_SEAL')",
        "from trading.domain.orders import _Seal",
    ],
)
@pytest.mark.parametrize("module", ["engine__a", "exchange__a", "manager"])
def test_the_seal_in_other_hands_is_found(tmp_path: Path, module: str, source: str) -> None:
    (violation,) = violations(plant(tmp_path, **{module: source}))
    assert "seal" in violation.what


def test_the_dashboard_reaching_the_manager_is_found(tmp_path: Path) -> None:
    plant(tmp_path, web__server="from trading.manager import TradingManager", manager="")
    (violation,) = violations(tmp_path)
    assert str(violation) == "trading/web/server.py:1: trading.web may not import trading.manager"


def test_the_dashboard_reaching_the_manager_by_a_detour_is_found(tmp_path: Path) -> None:
    plant(
        tmp_path,
        web__server="from trading.store import queries",
        store__queries="import trading.cli",
        cli="def run():\n    from trading import manager",
        manager="",
    )
    (violation,) = violations(tmp_path)
    assert violation.path == "trading/cli.py"
    assert "trading.web.server" in violation.what


def test_the_command_ends_with_one_and_names_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant(tmp_path, engine__a="x = 1\nimport time\n")
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().out == "trading/engine/a.py:2: engine is pure and may not import time\n"
