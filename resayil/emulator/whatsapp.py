"""A stand-in for the vendor's WhatsApp gateway: it keeps what was sent, and delivers inbound messages.

The documents name four fields of the inbound webhook and the two of an outbound message. The names of the
text's and of the message id's field, and what the gateway answers, are this project's choice.
"""

from __future__ import annotations

import httpx

from resayil.emulator import drafts
from resayil.emulator.drafts import Draft
from resayil.emulator.refusals import UNAUTHORIZED, RefusalError, invalid
from resayil.emulator.values import HttpRequest, Json, JsonObject, Outbound, RecordedRequest
from resayil.emulator.world import World

PATH = "/whatsapp/messages"
KEY = "wa-emulator"
PATIENCE = 60.0
DEVICE: JsonObject = {"id": "device-1", "phone": "+96550000000"}


class WhatsApp:
    """The gateway as a test holds it."""

    def __init__(self, world: World) -> None:
        """Stand before this world."""
        self._world = world

    @property
    def key(self) -> str:
        """The gateway's key; the service's own keys are refused here, and this one there."""
        return KEY

    @property
    def path(self) -> str:
        """Where messages are posted, below the origin."""
        return PATH

    @property
    def sent(self) -> list[Outbound]:
        """Every message that was accepted, oldest first."""
        with self._world.lock:
            return list(self._world.sent)

    def inbound(
        self,
        text: str,
        *,
        phone: str = "+96551234567",
        message_id: str | None = None,
        text_field: str = "data.body",
        id_field: str = "data.id",
    ) -> JsonObject:
        """The body of an inbound webhook; the two fields are dotted paths."""
        body: JsonObject = {
            "data": {"fromNumber": phone, "chat": {"id": f"{phone.removeprefix('+')}@c.us"}},
            "device": dict(DEVICE),
        }
        _put(body, text_field, text)
        _put(body, id_field, message_id or self._world.new_id("wamid_"))
        return body

    def deliver(self, url: str, body: Json) -> httpx.Response:
        """Post an inbound webhook, as the gateway does when somebody writes."""
        return httpx.post(url, json=body, timeout=PATIENCE, trust_env=False)


def send(request: HttpRequest, record: RecordedRequest, world: World) -> Draft:
    """Accept one outbound message.

    Raises:
        RefusalError: The key or a field is wrong.
    """
    record.dialect = "whatsapp"
    if request.headers.get("authorization") != f"Bearer {KEY}":
        raise RefusalError(UNAUTHORIZED)
    given = record.body if isinstance(record.body, dict) else {}
    for name in ("phone", "message"):
        if not isinstance(given.get(name), str) or not given[name]:
            raise invalid(name, "The field is required and must be text.")
    world.sent.append(Outbound(given["phone"], given["message"], record.at))
    return drafts.whole({"id": world.new_id("wamid_"), "status": "queued"})


def _put(body: JsonObject, path: str, value: Json) -> None:
    *parents, last = path.split(".")
    for name in parents:
        body = body.setdefault(name, {})
    body[last] = value
