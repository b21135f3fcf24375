"""``resayil count``: the tokens of a prompt."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from resayil.cli.language import say
from resayil.cli.models import MODELS, complete_model
from resayil.cli.output import failing
from resayil.client import Client
from resayil.errors import ConfigurationError, MalformedResponseError, RequestError
from resayil.jsontext import dumps, loads
from resayil.messages import Conversation
from resayil.options import build_request
from resayil.tokens import TokenCount, estimate_request


def count(
    text: Annotated[str | None, typer.Argument(help="The text; - reads it from the standard input.")] = None,
    file: Annotated[Path | None, typer.Option(help="A text file.")] = None,
    messages: Annotated[
        Path | None, typer.Option(help="A JSON file: a list of messages, or a body that has one.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="The model that will read it.", autocompletion=complete_model)
    ] = MODELS["chat"],
    local: Annotated[bool, typer.Option("--local", help="Estimate here; no request, no key.")] = False,
    base_url: Annotated[str | None, typer.Option(help="The service's address.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Count the tokens of a text or a conversation: by the service where it counts, else an estimate.

    Exit codes: 0 counted; else that of the error.
    """
    if [text, file, messages].count(None) != 2:  # noqa: PLR2004 - one of the three is given
        raise typer.BadParameter(say("give a text, --file or --messages, one of the three"))
    with failing("The tokens were not counted"):
        prompt = _prompt(text, file, messages)
        if local:
            counted = estimate_request(build_request(model, prompt, {}))
        else:
            with Client(base_url=base_url) as client:
                counted = client.count_tokens(model, prompt)
    if as_json:
        print(dumps({"model": model, **asdict(counted)}))
    else:
        print(_said(counted, model))


def _prompt(text: str | None, file: Path | None, messages: Path | None) -> Conversation:
    if text is not None:
        return sys.stdin.read() if text == "-" else text
    path = file or messages
    try:
        content = "" if path is None else path.read_text("utf-8")
        if messages is None:
            return content
        body = loads(content)
    except (OSError, UnicodeDecodeError, MalformedResponseError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from error
    turns = body.get("messages") if isinstance(body, dict) else body
    if not isinstance(turns, list):
        raise RequestError(f"{path} holds no list of messages.")
    return turns


def _said(counted: TokenCount, model: str) -> str:
    if not counted.estimated:
        return say("{tokens} tokens for {model}, counted by the service", tokens=counted.tokens, model=model)
    return say(
        "about {tokens} tokens for {model}, {low} to {high} (estimated here)",
        tokens=counted.tokens,
        model=model,
        low=counted.low,
        high=counted.high,
    )
