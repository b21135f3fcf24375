"""What the network and stream lines share: replies that go wrong behind two tokens."""

from __future__ import annotations

from faults.replies import CHUNKED, SSE, TOKENS, Wire, chunk, head, streamed, to_json
from faults.server import Play, Step

TYPED = "ResayilError"
TWO = TOKENS[0] + TOKENS[1]


def two_tokens(wire: Wire, *then: Step) -> Play:
    """Two tokens, or half of a whole answer, and then this."""
    if wire.verb == "chat":
        content = to_json(wire.answer())
        return [head(200, "application/json", CHUNKED), chunk(content[:60]), *then]
    return streamed(*wire.tokens(*TOKENS[:2]), then=then)


def to_the_end(wire: Wire, *then: Step) -> Play:
    """Two tokens on a connection whose end is the body's end, and then this."""
    return [head(200, SSE, "connection: close"), *wire.tokens(*TOKENS[:2]), *then]
