"""The commands and their options."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.console import Console

from resayil.jsontext import dumps
from resayil.version import VERSION

app = typer.Typer(
    name="resayil",
    help="The integration pack for the LLM Resayil API.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
_errors = Console(stderr=True)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"resayil {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The integration pack for the LLM Resayil API."""


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
                print("\nCtrl-C stops it.", flush=True)
            while True:
                time.sleep(3600)
    except ModuleNotFoundError as error:
        _errors.print(f"The emulator's socket needs {error.name}: pip install 'resayil\\[emulator]'")
        raise typer.Exit(2) from None
    except (ValueError, OSError) as error:
        _errors.print(f"The emulator did not start: {error}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
