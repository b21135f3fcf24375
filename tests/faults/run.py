"""Runs a case on a surface: a server for it alone, one call, then another on the same pool of one."""

from __future__ import annotations

import asyncio
import gc
import pickle
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults.case import Ask, Case
from faults.certificate import untrusted
from faults.outcome import NEXT, Heard, Outcome
from faults.replies import Dialect, Wire
from faults.server import FaultServer, Log, Play, Seen, served
from faults.surfaces import Surface

RELEASE_SECONDS = 1.5
_CHILD_SECONDS = 120
_TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Run:
    """A case, on a surface, in a dialect."""

    case: Case
    surface: Surface
    dialect: Dialect

    @property
    def id(self) -> str:
        """How a test or a row names it."""
        return f"{self.case.id}/{self.dialect}/{self.surface.name}"


def runs(cases: Sequence[Case], surfaces: Sequence[Surface]) -> list[Run]:
    """Every case on every surface that it applies to."""
    return [
        Run(case, surface, dialect)
        for case in cases
        for surface in surfaces
        if surface.verb in case.verbs and (not case.surfaces or surface.name in case.surfaces)
        for dialect in case.dialects
        if dialect in surface.dialects
        if surface.asynchronous or case.ask.leave not in {"cancel", "wait_for"}
        if not surface.asynchronous or case.ask.leave != "interrupt"
        if not (case.alone and surface.adapter and (surface.asynchronous or dialect == "messages"))
    ]


def perform(run: Run) -> tuple[Outcome, Log]:
    """Play the case and make the call."""
    with served(tls=untrusted() if run.case.address == "tls" else None) as server:
        wire = Wire(run.dialect, run.surface.verb, server.port)
        server.answer_by(_Script(list(run.case.plays(wire)), wire).choose)
        url = _address(run.case.address, server)
        outcome = _in_child(run, url) if run.case.alone else conduct(run, url, server)
        outcome.requests = sum(NEXT.encode() not in seen.body for seen in server.log.requests)
        return outcome, server.log


def _address(address: str, server: FaultServer) -> str:
    match address:
        case "closed":
            return f"http://127.0.0.1:{_closed_port()}/v1"
        case "dns":
            return f"https://n{server.port}.invalid/v1"
        case "tls":
            return server.url("https")
    return server.url()


def _closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


class _Script:
    """One play after another, the last again and again; the call that comes after gets a right answer."""

    def __init__(self, plays: list[Play], wire: Wire) -> None:
        self._plays = plays
        self._wire = wire
        self._next = 0

    def choose(self, seen: Seen) -> Play:
        if NEXT.encode() in seen.body:
            return self._wire.good()
        self._next += 1
        return self._plays[min(self._next, len(self._plays)) - 1]


def conduct(run: Run, url: str, server: FaultServer | None) -> Outcome:
    """Make the call in this process; the server, where it is in this process too, says what was let go."""
    if run.case.quiet:
        gc.collect()
        gc.disable()
    try:
        if run.surface.asynchronous:
            return asyncio.run(_aconduct(run, url, server))
        return _conduct(run, url, server)
    finally:
        gc.enable()


def _outcome(run: Run, heard: Heard, began: float, error: BaseException | None) -> Outcome:
    seconds = time.monotonic() - began
    taken = None if error is None else run.surface.caught(error, frames=run.case.frames)
    return Outcome(heard, taken, seconds, began)


def _conduct(run: Run, url: str, server: FaultServer | None) -> Outcome:
    client = run.surface.open(url, run.dialect, run.case.settings)
    if run.case.warm:
        run.surface.call(client, Ask(NEXT), Heard())
    heard, before, began = Heard(run.case.ask.leave), _memory(), time.monotonic()
    try:
        run.surface.call(client, run.case.ask, heard)
        outcome = _outcome(run, heard, began, None)
    except BaseException as error:  # noqa: BLE001 - whatever is raised is judged
        outcome = _outcome(run, heard, began, error)
        del error
    outcome.peak_kb = _memory() - before
    outcome.released = server is None or server.settled(RELEASE_SECONDS)
    if run.case.next_call:
        again = Heard()
        with suppress(BaseException):
            run.surface.call(client, Ask(NEXT), again)
        outcome.next_works = bool(again.delivered)
    run.surface.close(client)
    return outcome


async def _aconduct(run: Run, url: str, server: FaultServer | None) -> Outcome:
    client = run.surface.open(url, run.dialect, run.case.settings)
    if run.case.warm:
        await run.surface.call(client, Ask(NEXT), Heard())
    heard, before, began = Heard(run.case.ask.leave), _memory(), time.monotonic()
    try:
        await _called(run, client, heard)
        outcome = _outcome(run, heard, began, None)
    except BaseException as error:  # noqa: BLE001 - whatever is raised is judged
        outcome = _outcome(run, heard, began, error)
        del error
    outcome.peak_kb = _memory() - before
    outcome.released = server is None or await asyncio.to_thread(server.settled, RELEASE_SECONDS)
    if run.case.next_call:
        again = Heard()
        with suppress(BaseException):
            await asyncio.wait_for(run.surface.call(client, Ask(NEXT), again), 5)
        outcome.next_works = bool(again.delivered)
    await run.surface.close(client)
    return outcome


async def _called(run: Run, client: Any, heard: Heard) -> None:
    call: Awaitable[None] = run.surface.call(client, run.case.ask, heard)
    if run.case.ask.leave == "wait_for":
        await asyncio.wait_for(call, 0.4)
    elif run.case.ask.leave == "cancel":
        task = asyncio.ensure_future(call)
        await asyncio.sleep(0.4)
        task.cancel()
        await task
    else:
        await call


def _memory() -> int:
    """The most memory that this process has had, in kB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _in_child(run: Run, url: str) -> Outcome:
    """Make the call in a process of its own, so that its memory can be measured."""
    command = [sys.executable, "-c", _CHILD, str(_TESTS), run.case.id, run.surface.name, run.dialect, url]
    done = subprocess.run(command, capture_output=True, timeout=_CHILD_SECONDS, check=False)
    if done.returncode:
        raise AssertionError(done.stderr.decode("utf-8", "replace")[-2000:])
    outcome: Outcome = pickle.loads(done.stdout)  # noqa: S301 - our own child wrote it
    return outcome


_CHILD = """
import pickle, sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/.."]
from faults.run import conduct, find
sys.stdout.buffer.write(pickle.dumps(conduct(find(*sys.argv[2:5]), sys.argv[5], None)))
"""


def find(case_id: str, surface_name: str, dialect: Dialect) -> Run:
    """The run of this name."""
    from faults.cases import CASES  # noqa: PLC0415 - the cases need this module's siblings
    from faults.peers import peers  # noqa: PLC0415 - heavy to import, and mostly not wanted
    from faults.surfaces import surfaces  # noqa: PLC0415 - as above

    case = next(case for case in CASES if case.id == case_id)
    named: Callable[[], Sequence[Surface]] = surfaces
    known = {surface.name: surface for surface in named()}
    if surface_name not in known:
        known = {surface.name: surface for surface in peers()}
    return Run(case, known[surface_name], dialect)
