"""A stream that has begun: what the pumps of both clients read on from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from resayil.errors import ResayilError
from resayil.events import StreamEvent
from resayil.flow import Flow
from resayil.messages import Usage
from resayil.session import Session


@dataclass(slots=True)
class Opened:
    """A stream whose first event has come.

    Attributes:
        session: Decodes the rest.
        events: The events so far.
        error: An error that came right behind them.
        ended: The answer came whole; there is nothing more to read.
        taken: Somebody has begun to read it.
        told: They have read it to its end.
        finish: Makes the flow that accounts for what the call has cost.
    """

    session: Session
    events: list[StreamEvent]
    error: ResayilError | None = None
    ended: bool = False
    taken: bool = False
    told: bool = False
    finish: Callable[[Usage | None], Flow[None]] | None = None

    def finished(self) -> Flow[None] | None:
        """What is left to do when the stream is done with; ``None`` the second time."""
        finish, self.finish = self.finish, None
        return None if finish is None else finish(self.session.spent())

    def take(self) -> list[StreamEvent]:
        """The events so far, to whoever reads the stream.

        Raises:
            StreamInterruptedError: somebody has begun to read it, and left before its end.
        """
        if self.taken and not self.told:
            raise self.session.interrupted()
        events, self.events, self.taken = self.events, [], True
        return events
