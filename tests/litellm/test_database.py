"""Keys and budgets of the proxy in a real PostgreSQL.

LiteLLM speaks to its database through Prisma, whose engine comes from a host of its own and from no package
registry. What needs no engine is run: the server, LiteLLM's schema in it, the configuration. The rest runs
where an engine is, and says in one line that it did not where none is.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import litellm_proxy_extras
import pytest

from litellm_provider.config import Plan, proxy_config
from resayil.emulator import Emulator
from resayil.models import SNAPSHOT

HELLO = [{"role": "user", "content": "مرحبا"}]
MIGRATIONS = Path(litellm_proxy_extras.__file__).with_name("migrations")


def program(name: str) -> str | None:
    """A program of PostgreSQL; Debian keeps the server's outside the path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*map(str, folders), os.environ["PATH"]]))


def engine() -> bool:
    """Whether Prisma's client for LiteLLM's schema was generated, which fetches the engine."""
    found = importlib.util.find_spec("prisma")
    return bool(found and found.origin and Path(found.origin).with_name("client.py").exists())


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (program("initdb") and program("postgres") and program("psql")),
        reason="PostgreSQL (package postgresql) is missing: keys and budgets in a database were not tried",
    ),
]


@pytest.fixture(scope="module")
def database(find_port: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of these tests' own, with LiteLLM's schema in it."""
    place, port = tmp_path_factory.mktemp("postgres"), find_port()
    # PostgreSQL refuses to run as root; Debian's package makes a user for it.
    as_user: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
    if as_user:
        shutil.chown(place, "postgres", "postgres")
        for folder in (place, *place.parents[:2]):
            folder.chmod(0o755)
    files = str(place / "data")
    subprocess.run(
        [str(program("initdb")), "-D", files, "-U", "litellm", "-A", "trust", "--no-sync"],
        check=True, capture_output=True, cwd=place, **as_user,
    )  # fmt: skip
    command = [str(program("postgres")), "-D", files, "-p", str(port), "-h", "127.0.0.1", "-k", str(place)]
    server = subprocess.Popen(
        [*command, "-F"], cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user
    )
    address = f"postgresql://litellm@127.0.0.1:{port}/postgres"
    try:
        for _ in range(100):
            knock = [str(program("psql")), address, "-c", ""]
            if subprocess.run(knock, check=False, capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        steps = [step for file in sorted(MIGRATIONS.glob("*/migration.sql")) for step in ("-f", str(file))]
        subprocess.run(
            [str(program("psql")), address, "-q", "-v", "ON_ERROR_STOP=1", *steps],
            check=True,
            capture_output=True,
        )
        yield address
    finally:
        server.terminate()
        server.wait()


def asked(address: str, query: str) -> str:
    """What the database answers."""
    command = [str(program("psql")), address, "-At", "-c", query]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_litellms_schema_stands_in_postgresql(database: str) -> None:
    """LiteLLM's own migrations, run by psql, make the tables that keys, budgets and spend are kept in."""
    tables = asked(database, "select tablename from pg_tables where tablename like 'LiteLLM%'").splitlines()
    assert {"LiteLLM_VerificationToken", "LiteLLM_BudgetTable", "LiteLLM_SpendLogs"} <= set(tables)


@pytest.mark.skipif(
    not engine(),
    reason="Prisma's client and engine (`prisma generate`) are missing: keys and budgets were not tried",
)
def test_a_key_with_a_budget(
    database: str, emulator: Emulator, server: Any, start_proxy: Any, tmp_path: Path
) -> None:
    """A key made by the proxy is answered until its budget is spent, and its spend is booked."""
    plan = Plan(credit_price="0.01", base_url=server.base_url, database=True)
    config = tmp_path / "config.yaml"
    config.write_text(proxy_config(SNAPSHOT.values(), plan), "utf-8")
    environment = {
        "LLM_RESAYIL_API_KEY": server.key, "DATABASE_URL": database, "DISABLE_SCHEMA_UPDATE": "true",
    }  # fmt: skip
    with start_proxy(config, environment) as proxy, proxy.http() as admin:
        made = admin.post("/key/generate", json={"max_budget": 0.05, "models": ["arabic-chat"]})
        key = made.raise_for_status().json()["key"]
        chat = {"model": "arabic-chat", "messages": HELLO}
        with proxy.http(key) as client:
            client.post("/v1/chat/completions", json=chat).raise_for_status()
            ends = time.monotonic() + 60
            while (refused := client.post("/v1/chat/completions", json=chat)).is_success:
                assert time.monotonic() < ends, "the budget never ended"
                time.sleep(1)
            assert "udget" in refused.text
        assert admin.get("/key/info", params={"key": key}).json()["info"]["spend"] > 0
        with proxy.http("sk-nobody") as stranger:
            assert stranger.post("/v1/chat/completions", json=chat).status_code == 401
    assert emulator.requests
