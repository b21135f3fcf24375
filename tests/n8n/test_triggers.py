"""Templates from their own triggers: an upload, a WhatsApp message, the schedule, another's failure."""

from __future__ import annotations

import base64
import io
import json
import random
from typing import Any

import httpx
import pytest
from n8n.bench import Bench, plain
from n8n.rest import until
from PIL import Image

from resayil.emulator.values import Outbound

pytestmark = pytest.mark.slow
ALERTS = "/alerts"
UNREADABLE = {
    "shop": "",
    "items": [],
    "total": "",
    "currency": "",
    "confidence": 0.2,
    "unclear": "the total",
}


def noise(pixels: int) -> bytes:
    """A PNG that no compression makes smaller."""
    data = random.Random(6).randbytes(pixels * pixels * 3)  # noqa: S311 - a picture, no secret
    held = io.BytesIO()
    Image.frombytes("RGB", (pixels, pixels), data).save(held, "PNG")
    return held.getvalue()


def upload(address: str, name: str, data: bytes, media: str) -> Any:
    """What a webhook answers to an uploaded file."""
    reply = httpx.post(address, files={"data": (name, data, media)}, timeout=60, trust_env=False)
    assert reply.is_success, reply.text
    return reply.json()


@pytest.mark.prove
def test_a_photo_of_five_megabytes_arrives_whole(bench: Bench) -> None:
    """The picture's bytes are what the model is sent; an unclear reading becomes a question."""
    photo = noise(1320)
    assert len(photo) > 5_000_000
    bench.emulator.reply(json.dumps(UNREADABLE))
    given = upload(bench.publish("04-receipt-by-photo", "webhook"), "r.png", photo, "image/png")
    (request,) = bench.emulator.requests
    _, picture = request.body["messages"][-1]["content"]
    head, _, encoded = picture["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(encoded) == photo
    assert (given["ok"], given["points"]) == (False, 0)
    assert "صورة أوضح" in given["text"]
    assert bench.leaks() == []


@pytest.mark.prove
def test_what_is_no_picture_is_not_sent(bench: Bench) -> None:
    """Its first bytes tell, not its name."""
    given = upload(bench.publish("04-receipt-by-photo", "webhook"), "r.png", b"%PDF-1.7 x", "image/png")
    assert given["ok"] is False
    assert bench.emulator.requests == []


@pytest.mark.prove
@pytest.mark.parametrize("media", ["text/plain", "application/pdf"])
def test_an_uploaded_document_is_summed_up(bench: Bench, media: str) -> None:
    """Parts go out in order and whole, then their summaries."""
    sentence = "The third quarter brought 12.500 dinars, and returns rose. "
    data = pdf(sentence * 3) if media == "application/pdf" else (sentence * 3).encode()
    bench.emulator.script(["part one", "the whole"])
    given = upload(bench.publish("09-document-summary", "webhook"), "report", data, media)
    assert (given["ok"], given["text"], given["chunks"]) == (True, "the whole", 1)
    part, whole = (request.body["messages"][-1]["content"] for request in bench.emulator.requests)
    assert "12.500 dinars, and returns rose." in part
    assert whole == "[1] part one"
    assert bench.leaks() == []


def pdf(text: str) -> bytes:
    """A document of one page with one line."""
    stream = f"BT /F1 8 Tf 10 100 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 900 200] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Font << /F1 5 0 R >> >>",
    ]
    made, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 7\n0000000000 65535 f \n%btrailer\n<< /Size 7 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return bytes(made + end % (table, len(made)))


class Customers:
    """People who write to the published WhatsApp template."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.gateway = bench.emulator.whatsapp
        tables = {name: f"{name}_{bench.name}" for name in ("message_table", "customer_table")}
        self.address = bench.publish("07-whatsapp-support", "webhook", **tables)

    def write(self, text: str, phone: str, message_id: str) -> None:
        """Deliver one message; n8n takes it before it answers the customer."""
        body = self.gateway.inbound(text, phone=phone, message_id=message_id)
        assert self.gateway.deliver(self.address, body).is_success

    def sent(self, count: int) -> list[Outbound]:
        """Every message that went out, once there are so many."""
        return until(lambda: self.gateway.sent if len(self.gateway.sent) >= count else None, "messages sent")


def test_customers_are_answered_on_whatsapp(bench: Bench) -> None:
    """Each in their language, with their own turns; a second delivery is left out; a person takes over."""
    customers = Customers(bench)
    bench.emulator.script(["نعم، نوصل.", "Yes, we do.", "بدينارين."])
    customers.write("هل توصلون إلى الجهراء؟", "+9651", "m1")
    customers.sent(1)
    customers.write("هل توصلون إلى الجهراء؟", "+9651", "m1")
    customers.write("Do you deliver?", "+9652", "m2")
    customers.sent(2)
    customers.write("بكم؟ 12", "+9651", "m3")
    customers.sent(3)
    customers.write("أريد التحدث مع موظف", "+9651", "m4")
    customers.sent(5)
    customers.write("هل من أحد؟", "+9651", "m5")
    sent = [(message.phone, message.message) for message in customers.sent(6)]
    assert sent[:3] == [("+9651", "نعم، نوصل."), ("+9652", "Yes, we do."), ("+9651", "بدينارين.")]
    assert [phone for phone, _ in sent[3:]] == ["+9651", "+96550000000", "+96550000000"]
    assert sent[4:] == [
        ("+96550000000", "+9651: أريد التحدث مع موظف"),
        ("+96550000000", "+9651: هل من أحد؟"),
    ]
    asked = [request.body["messages"] for request in bench.emulator.requests if request.dialect == "chat"]
    assert [[turn["content"] for turn in turns[1:]] for turns in asked] == [
        ["هل توصلون إلى الجهراء؟"],
        ["Do you deliver?"],
        ["هل توصلون إلى الجهراء؟", "نعم، نوصل.", "بكم؟ 12"],
    ]
    assert ["Arabic" in turns[0]["content"] for turns in asked] == [True, False, True]
    assert bench.leaks() == []


def alerts(bench: Bench) -> list[str]:
    """The texts that reached the address of alerts."""
    return [request.body["text"] for request in bench.emulator.requests if request.path == ALERTS]


def test_a_low_balance_is_told(bench: Bench) -> None:
    """The schedule reads the balance, compares it, and sends one message; a full account sends none."""
    bench.emulator.fault(200, path=ALERTS, body="ok")
    place = bench.service.origin + ALERTS
    for least, told in ((10**9, 1), (1, 1)):
        workflow = bench.add("10-credit-watch", least_credits=least, message_url=place)
        assert bench.rest.run(workflow, "Every morning").status == "success"
        assert len(alerts(bench)) == told
    assert "1000000" in alerts(bench)[0]
    assert [request.path for request in bench.emulator.requests] == [
        "/api/billing/subscription",
        ALERTS,
        "/api/billing/subscription",
    ]
    assert bench.leaks() == []


@pytest.mark.prove
def test_the_failure_of_another_workflow_is_told(bench: Bench) -> None:
    """A published workflow that names the credit watch as its error workflow is reported by it."""
    bench.emulator.fault(200, path=ALERTS, body="ok")
    watch = bench.add("10-credit-watch", message_url=bench.service.origin + ALERTS)
    bench.rest.activate(watch)
    call = {
        "name": "Call me",
        "type": "n8n-nodes-base.webhook",
        "typeVersion": 2,
        "parameters": {"path": bench.name, "httpMethod": "POST"},
        "webhookId": bench.name,
    }
    fail = {
        "name": "Break",
        "type": "n8n-nodes-base.stopAndError",
        "typeVersion": 1,
        "parameters": {"errorMessage": "عطل متعمّد"},
    }
    failing = plain("Failing on purpose", (call, fail), errorWorkflow=watch["id"])
    bench.post(bench.live(bench.add_workflow(failing), "webhook"))
    (text,) = until(lambda: alerts(bench) or None, "an alert")
    assert "Failing on purpose" in text
    assert "عطل متعمّد" in text
