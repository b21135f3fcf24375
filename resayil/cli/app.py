"""The commands and their options."""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from resayil.cli.balance import balance
from resayil.cli.batch import batch
from resayil.cli.chat import chat
from resayil.cli.count import count
from resayil.cli.doctor import doctor
from resayil.cli.language import CHOSEN, VARIABLE, Language, say
from resayil.cli.models import models
from resayil.cli.n8n import n8n
from resayil.cli.output import CALLED_WRONGLY, FAILED, failing, tell
from resayil.cli.usage import usage
from resayil.jsontext import dumps
from resayil.version import VERSION

app = typer.Typer(
    name="resayil",
    help="The integration pack for the LLM Resayil API.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
for command in (chat, batch, models, count, balance, usage, doctor):
    app.command()(command)
app.add_typer(n8n)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"resayil {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
    lang: Annotated[Language, typer.Option(envvar=VARIABLE, help="Language of the messages.")] = Language.en,
) -> None:
    """The integration pack for the LLM Resayil API."""
    CHOSEN.set(lang)


@app.command()
def emulator(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8787,
    profile: Annotated[str, typer.Option(help="documented, or march-2026.")] = "documented",
    oddity: Annotated[list[str] | None, typer.Option(help="One more oddity by name; repeatable.")] = None,
    upstream: Annotated[
        str | None, typer.Option(help="Base URL of a real server to hand chats on to.")
    ] = None,
    chunk_delay: Annotated[float, typer.Option(help="Seconds between two chunks of a stream.", min=0)] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of words.")] = False,
) -> None:
    """Serve the emulated API on this machine until Ctrl-C; no key, no network, no cost."""
    try:
        from resayil.emulator import BANNER, Emulator  # noqa: PLC0415 - only this command needs it

        served = Emulator(profile, oddity or (), upstream=upstream, chunk_delay=chunk_delay)
        with served.serve(host, port) as server:
            if as_json:
                print(
                    dumps({"base_url": server.base_url, "api_key": served.key, "profile": profile}),
                    flush=True,
                )
            else:
                print(BANNER, "", f"  base URL  {server.base_url}", f"  key       {served.key}", sep="\n")
                print(f"\n{say('Ctrl-C stops it.')}", flush=True)
            while True:
                time.sleep(3600)
    except ModuleNotFoundError as error:
        tell(
            say("The emulator's socket needs {package}: pip install 'resayil[emulator]'", package=error.name)
        )
        raise typer.Exit(CALLED_WRONGLY) from None
    except (ValueError, OSError) as error:
        tell(say("The emulator did not start: {reason}", reason=error))
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


@app.command("litellm-config")
def litellm_config(
    output: Annotated[Path | None, typer.Option(help="File to write; printed otherwise.")] = None,
    sync: Annotated[
        Path | None, typer.Option(help="Refresh the generated part of this file from the live list.")
    ] = None,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="List what the documents name, without asking the service.")
    ] = False,
    plan: Annotated[str, typer.Option(help="Your plan: starter, basic, pro or enterprise.")] = "starter",
    key_variable: Annotated[
        list[str] | None, typer.Option(help="Variable that holds a key; repeatable for several keys.")
    ] = None,
    credit_price: Annotated[
        str | None, typer.Option(help="Money for one credit, for LiteLLM's books.")
    ] = None,
    redis: Annotated[bool, typer.Option("--redis", help="Share cooldowns and limits through Redis.")] = False,
    database: Annotated[bool, typer.Option("--database", help="Keys and budgets in PostgreSQL.")] = False,
) -> None:
    """Write a configuration for LiteLLM's proxy, or refresh the models in one."""
    from litellm_provider.config import PLANS, Plan, proxy_config, refreshed  # noqa: PLC0415 - see below
    from resayil import Client  # noqa: PLC0415 - only this command needs them
    from resayil.config import KEY_VARIABLES  # noqa: PLC0415 - the same
    from resayil.models import SNAPSHOT  # noqa: PLC0415 - the same

    if plan not in PLANS:
        raise typer.BadParameter(f"the plans are {', '.join(PLANS)}", param_hint="--plan")
    try:
        with (
            failing("No configuration was written"),
            nullcontext() if snapshot else Client() as client,
        ):
            listed = list(SNAPSHOT.values()) if client is None else client.models()
        keys = tuple(key_variable or KEY_VARIABLES[:1])
        made = Plan(keys, PLANS[plan], credit_price, os.environ.get("RESAYIL_BASE_URL"), redis, database)
        text = proxy_config(listed, made) if sync is None else refreshed(sync.read_text("utf-8"), listed)
        target = output or sync
        if target is None:
            print(text, end="")
        else:
            target.write_text(text, "utf-8")
            tell(
                say(
                    "{path}: {count} models. Start it: litellm --config {path}",
                    path=target,
                    count=len(listed),
                )
            )
    except OSError as error:
        tell(say("No configuration was written: {reason}", reason=error))
        raise typer.Exit(FAILED) from None
