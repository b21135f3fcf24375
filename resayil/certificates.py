"""Whom a connection trusts: one context for all clients, since reading the certificates takes 20 ms."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

import httpx


def trust() -> ssl.SSLContext:
    """The context of httpx: certifi's certificates, or those that the environment names."""
    return _read(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=4)
def _read(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context()
