from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import httpx
import pytest

from resayil.emulator import Emulator

ORIGIN = "http://emulator.test"


@pytest.fixture
def gateway(resayil_emulator: Emulator) -> Any:
    """Posts to the gateway of the fresh emulator, with its key unless another is given."""
    with httpx.Client(transport=resayil_emulator.transport(), base_url=ORIGIN) as http:

        def post(body: Any, key: str = resayil_emulator.whatsapp.key) -> httpx.Response:
            headers = {"authorization": f"Bearer {key}"}
            return http.post(resayil_emulator.whatsapp.path, json=body, headers=headers)

        yield post


def test_what_was_sent_is_kept(resayil_emulator: Emulator, gateway: Any) -> None:
    """Phone and words of an accepted message are kept unchanged, and forgotten with the rest."""
    assert gateway({"phone": "+96551234567", "message": "أهلًا\n«بكم»"}).is_success
    (sent,) = resayil_emulator.whatsapp.sent
    assert (sent.phone, sent.message) == ("+96551234567", "أهلًا\n«بكم»")
    resayil_emulator.reset()
    assert resayil_emulator.whatsapp.sent == []


def test_the_keys_are_not_each_others(resayil_emulator: Emulator, gateway: Any) -> None:
    """The service's key is refused by the gateway, the gateway's by the service."""
    assert gateway({"phone": "+965", "message": "x"}, resayil_emulator.key).status_code == 401
    headers = {"authorization": f"Bearer {resayil_emulator.whatsapp.key}"}
    with httpx.Client(transport=resayil_emulator.transport()) as http:
        assert http.get(f"{resayil_emulator.base_url}/models", headers=headers).status_code == 401
    assert resayil_emulator.whatsapp.sent == []


@pytest.mark.parametrize("body", [None, [], {}, {"phone": "+965"}, {"phone": "+965", "message": 3}])
def test_incomplete_messages_are_refused(resayil_emulator: Emulator, gateway: Any, body: Any) -> None:
    """Both fields must be text."""
    assert gateway(body).status_code == 422
    assert resayil_emulator.whatsapp.sent == []


def test_faults_reach_the_gateway(resayil_emulator: Emulator, gateway: Any) -> None:
    """A queued fault for its path meets it and nothing else."""
    resayil_emulator.fault(503, path="/whatsapp/")
    assert gateway({"phone": "+965", "message": "x"}).status_code == 503
    assert gateway({"phone": "+965", "message": "x"}).is_success


class _Webhook(BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    bodies: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        """Keep the body."""
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()


def test_inbound_messages_are_delivered(resayil_emulator: Emulator) -> None:
    """The documented fields arrive, and text and id in the fields that are named."""
    body = resayil_emulator.whatsapp.inbound(
        "السلام عليكم", phone="+96599", message_id="m1", text_field="data.text.body", id_field="id"
    )
    with HTTPServer(("127.0.0.1", 0), _Webhook) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/hook"
        assert resayil_emulator.whatsapp.deliver(url, body).is_success
        thread.join()
    assert _Webhook.bodies == [body]
    assert (body["data"]["fromNumber"], body["data"]["chat"], body["data"]["text"], body["id"]) == (
        "+96599",
        {"id": "96599@c.us"},
        {"body": "السلام عليكم"},
        "m1",
    )
    assert body["device"].keys() == {"id", "phone"}
