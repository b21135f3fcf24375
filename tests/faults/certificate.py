"""A certificate that nobody trusts: self-signed for this machine's own name, of no worth elsewhere."""

from __future__ import annotations

import ssl
from pathlib import Path

UNTRUSTED = Path(__file__).with_name("untrusted.pem")


def untrusted() -> ssl.SSLContext:
    """A server's TLS settings with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(UNTRUSTED)
    return context
