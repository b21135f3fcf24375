"""The real n8n as a process: started, killed, started again on the same data, and always ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from n8n.install import NODE, environment, folder

START_TIME, STOP_TIME, COMMAND_TIME = 120.0, 20.0, 120.0
QUIET = {
    "N8N_DIAGNOSTICS_ENABLED": "false",
    "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
    "N8N_PERSONALIZATION_ENABLED": "false",
    "N8N_HIRING_BANNER_ENABLED": "false",
    "N8N_DYNAMIC_BANNERS_ENABLED": "false",
    "N8N_LICENSE_AUTO_RENEW_ENABLED": "false",
    "N8N_VERIFIED_PACKAGES_ENABLED": "false",
    "N8N_UNVERIFIED_PACKAGES_ENABLED": "true",
    # These modules ask n8n's own service for lists when the server starts.
    "N8N_DISABLED_MODULES": "mcp-registry,instance-ai,insights",
}
LOCAL = {
    "N8N_LISTEN_ADDRESS": "127.0.0.1",
    "N8N_HOST": "127.0.0.1",
    "N8N_PROTOCOL": "http",
    "N8N_SECURE_COOKIE": "false",
    "N8N_ENCRYPTION_KEY": "only-for-tests",
    "N8N_RUNNERS_TASK_TIMEOUT": "60",
    "GENERIC_TIMEZONE": "UTC",
}


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class N8n:
    """One n8n with its own data folder.

    Args:
        home: The folder of its data.
        settings: Further environment variables.

    Attributes:
        url: Where it answers.
        library_port: Where its editor looks for a template library; only a browser asks there.
    """

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.log = home / "server.log"
        port, broker, self.library_port = free_ports(3)
        self.url = f"http://127.0.0.1:{port}"
        own = {
            "N8N_USER_FOLDER": str(home),
            "N8N_PORT": str(port),
            "N8N_RUNNERS_BROKER_PORT": str(broker),
            "N8N_TEMPLATES_ENABLED": "true",
            # Another host name than the editor's: cookies know no ports.
            "N8N_TEMPLATES_HOST": f"http://localhost:{self.library_port}/api",
        }
        self._env = environment() | QUIET | LOCAL | own | dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            RuntimeError: It ended, or was not ready in time.
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                _program("start"),
                env=self._env,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        limit = time.monotonic() + START_TIME
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > limit:
                self.kill()
                raise RuntimeError(f"n8n did not start:\n{self.log.read_text('utf-8')[-2000:]}")
            time.sleep(0.2)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz/readiness", timeout=5).is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End the server and its task runner at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the server as a person does."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            if process.poll() is None:
                os.killpg(process.pid, how)
            process.wait(STOP_TIME)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_TIME)

    def command(self, *arguments: str) -> str:
        """Run one of n8n's own commands beside the server; what it printed.

        Raises:
            subprocess.SubprocessError: It failed or hung.
        """
        beside = {"N8N_RUNNERS_BROKER_PORT": str(free_ports(1)[0])}
        with subprocess.Popen(
            _program(*arguments),
            env=self._env | beside,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            encoding="utf-8",
        ) as process:
            try:
                printed, _ = process.communicate(timeout=COMMAND_TIME)
            finally:
                if process.poll() is None:  # some errors leave it spinning, deaf to a polite signal
                    os.killpg(process.pid, signal.SIGKILL)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, arguments, printed)
        return printed

    def holds(self, text: str) -> list[str]:
        """The files of the data folder, log and database among them, that hold this text."""
        sought = text.encode()
        files = (path for path in self.home.rglob("*") if path.is_file() and not path.is_symlink())
        return sorted(str(path.relative_to(self.home)) for path in files if sought in path.read_bytes())


def _program(*arguments: str) -> Sequence[str | Path]:
    return [NODE, folder() / "node_modules" / "n8n" / "bin" / "n8n", *arguments]


@contextmanager
def running(home: Path, settings: Mapping[str, str] | None = None) -> Iterator[N8n]:
    """A started n8n for the length of a block."""
    home.mkdir(parents=True, exist_ok=True)
    server = N8n(home, settings)
    try:
        server.start()
        yield server
    finally:
        server.kill()
