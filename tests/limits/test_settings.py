"""The limit of a client: number, plan, header, storage."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from core.support import KEY
from limits.support import URL

from resayil import (
    Client,
    ConfigurationError,
    Settings,
)
from resayil.limiters import Limiter, NoLimit, limiter_for, store_for
from resayil.limits import NOW, Refused


@pytest.mark.parametrize(
    ("base_url", "given", "limit"),
    [
        ("https://llmapi.resayil.io/v1", {}, 10),
        ("https://llm.resayil.io", {}, 10),
        ("https://evil-resayil.io/v1", {}, None),
        (URL, {}, None),
        (URL, {"requests_per_minute": "pro"}, 30),
        (URL, {"requests_per_minute": "Enterprise"}, 60),
        (URL, {"requests_per_minute": 7}, 7),
        (URL, {"requests_per_minute": "7"}, 7),
        ("https://llmapi.resayil.io/v1", {"requests_per_minute": None}, None),
        ("https://llmapi.resayil.io/v1", {"requests_per_minute": "none"}, None),
    ],
)
def test_the_limit_of_a_client(base_url: str, given: dict[str, Any], limit: int | None) -> None:
    """A number, a plan, none, or auto: ten on the service's hosts and none elsewhere."""
    slots = limiter_for(Settings.load(api_key=KEY, base_url=base_url, **given))
    if limit is None:
        assert isinstance(slots, NoLimit)
    else:
        assert isinstance(slots, Limiter)
        assert slots.quota.requests == limit


def test_the_environment_names_plan_and_storage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``RESAYIL_PLAN`` and ``RESAYIL_LIMIT_STORAGE`` are read where no argument is given."""
    monkeypatch.setenv("RESAYIL_PLAN", "pro")
    monkeypatch.setenv("RESAYIL_LIMIT_STORAGE", f"file:{tmp_path}/l.json")
    settings = Settings.load(api_key=KEY)
    assert (settings.requests_per_minute, settings.limit_storage) == ("pro", f"file:{tmp_path}/l.json")
    assert Settings.load(api_key=KEY, requests_per_minute=5, limit_storage="memory").limit_storage == "memory"
    monkeypatch.setenv("RESAYIL_PLAN", "platinum")
    with pytest.raises(ConfigurationError, match="platinum"):
        Settings.load(api_key=KEY)


@pytest.mark.parametrize(
    ("module", "storage", "why"),
    [
        ("fcntl", "file:limits.json", "POSIX"),
        ("redis", "redis://localhost", r"pip install 'resayil\[redis\]'"),
    ],
)
def test_a_storage_that_this_machine_cannot_have(
    monkeypatch: pytest.MonkeyPatch, module: str, storage: str, why: str
) -> None:
    """Windows has no lock of that kind, and the package redis is an extra: said when the client is made."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=why):
        Client(KEY, URL, requests_per_minute=1, limit_storage=storage)


def test_a_storage_password_is_not_shown() -> None:
    """The storage's address may hold a password: not in repr, not in a pickle."""
    settings = Settings.load(api_key=KEY, limit_storage="redis://:s3cret-word@localhost/0")
    assert "s3cret-word" not in repr(settings)
    assert b"s3cret-word" not in pickle.dumps(settings)


@pytest.mark.parametrize(
    ("given", "told", "limit"),
    [("auto", 60, 60), ("auto", 5, 5), ("pro", 60, 60), (20, 60, 20), (20, 5, 5)],
)
def test_the_service_knows_its_limit(given: Any, told: int, limit: int) -> None:
    """Auto and plans follow ``X-RateLimit-Limit``; a number stays the most that is used."""
    slots = limiter_for(
        Settings.load(api_key=KEY, base_url="https://llmapi.resayil.io", requests_per_minute=given)
    )
    assert isinstance(slots, Limiter)
    slots.observe(told)
    assert slots.quota.requests == limit


def test_the_services_hosts_are_one() -> None:
    """A key's limit holds over all addresses of the service."""
    first, second = (
        limiter_for(Settings.load(api_key=KEY, base_url=url, requests_per_minute=1))
        for url in ("https://llmapi.resayil.io", "https://llm.resayil.io/api/v1")
    )
    assert first.ask("a", 0) == NOW
    assert isinstance(second.ask("b", 0), Refused)


def test_a_fork_does_not_hang_on_a_keepers_lock() -> None:
    """A child forked while another thread holds a lock of the limit goes on."""
    program = (
        "import os, threading\n"
        "from resayil.config import Settings\n"
        "from resayil.limiters import _KEEPERS, limiter_for\n"
        f"slots = limiter_for(Settings.load(api_key='{KEY}', requests_per_minute=5))\n"
        "keeper = next(iter(_KEEPERS.values()))\n"
        "keeper.lock.acquire()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    keeper.lock.acquire(timeout=1) or os._exit(1)\n"
        "    slots.ask('a', 0)\n"
        "    os._exit(0)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, env=os.environ).returncode == 0
    assert store_for("memory").blocking is False
