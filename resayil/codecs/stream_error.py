"""An error that the service reports inside a reply or a stream."""

from __future__ import annotations


class StreamError(Exception):
    """Carries the body of the error up to where the reply's status and headers are known."""

    def __init__(self, body: object) -> None:
        super().__init__("the service reported an error inside the reply")
        self.body = body
