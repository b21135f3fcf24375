"""``resayil n8n``: the workflow templates, their checker, and a gallery of them for n8n's editor."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from resayil.cli.exits import CALLED_WRONGLY, FAILED
from resayil.cli.language import say
from resayil.cli.output import failing, tell
from resayil.errors import ConfigurationError
from resayil.jsontext import dumps
from resayil.redaction import printable

n8n = typer.Typer(
    name="n8n", help="n8n workflow templates: list, export, check, serve.", no_args_is_help=True
)

_AsJSON = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]


@n8n.command("list")
def list_templates(as_json: _AsJSON = False) -> None:
    """Show the templates."""
    from resayil_n8n.library import workflows  # noqa: PLC0415 - only this command needs it

    found = [{"name": w.slug, "title": w.title, "summary": w.summary} for w in workflows()]
    if as_json:
        print(dumps(found))
        return
    table = Table(say("name"), say("title"), say("what it does"))
    for row in found:
        table.add_row(*row.values())
    Console(highlight=False).print(table)


@n8n.command()
def export(
    target: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write the files into.")],
    name: Annotated[list[str] | None, typer.Option(help="Only this template; repeatable.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that differ.")] = False,
    as_json: _AsJSON = False,
) -> None:
    """Write the templates as files that n8n imports (menu ⋯ > Import > From file).

    Exit codes: 0 written; 2 there is no such template; 3 a file differs or cannot be written.
    """
    from resayil_n8n.library import texts  # noqa: PLC0415 - only this command needs it

    every = texts()
    wanted = {f"{each}.json" for each in name or ()} or set(every)
    if unknown := sorted(wanted - every.keys()):
        tell(say("There is no template {names}; resayil n8n list names them.", names=", ".join(unknown)))
        raise typer.Exit(CALLED_WRONGLY)
    with failing("The templates were not written"):
        try:
            target.mkdir(parents=True, exist_ok=True)
            files = {target / each: every[each].encode() for each in sorted(wanted)}
            kept = [path for path, data in files.items() if path.exists() and path.read_bytes() != data]
            if kept and not force:
                shown = ", ".join(map(str, kept))
                raise ConfigurationError(f"{shown}: already there and different; --force writes over it.")
            for path, data in files.items():
                path.write_bytes(data)
        except OSError as error:
            raise ConfigurationError(f"{error}. Name a folder that can be written.") from None
    if as_json:
        print(dumps([str(path) for path in files]))
    else:
        print("\n".join(map(str, files)))


@n8n.command()
def check(
    file: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Workflow files, also your own.")],
    as_json: _AsJSON = False,
) -> None:
    """Look for what makes an import fail, a text break a request, or a key leak.

    Exit codes: 0 nothing found; 1 something is; 3 a file cannot be read.
    """
    from resayil_n8n.lint import check_file  # noqa: PLC0415 - only this command needs it

    with failing("The files were not checked"):
        try:
            found = {path: check_file(path) for path in file}
        except OSError as error:
            raise ConfigurationError(f"{error}.") from None
    if as_json:
        print(
            dumps([{"file": str(path), **asdict(each)} for path, all_of in found.items() for each in all_of])
        )
    else:
        for path, all_of in found.items():
            for each in all_of:
                where = f" [{printable(each.node)}]" if each.node else ""
                print(f"{path}:{where} {printable(each.message)} ({each.rule})")
        findings = sum(map(len, found.values()))
        tell(say("{files} files, {findings} findings", files=len(found), findings=findings))
    raise typer.Exit(FAILED if any(found.values()) else 0)


@n8n.command()
def serve(
    editor: Annotated[
        list[str] | None,
        typer.Option(help="Origin of an n8n editor that may read it; repeatable. http://localhost:5678"),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8788,
    public_host: Annotated[
        str | None, typer.Option(help="Host name for the editor to use; never the editor's own.")
    ] = None,
    as_json: _AsJSON = False,
) -> None:
    """Serve the templates as a gallery inside n8n's editor, until Ctrl-C.

    Exit codes: 0 stopped; 1 the port is taken; 3 an origin or a host name cannot be used.
    """
    from resayil_n8n.gallery import Gallery, check_host, load, origin, other_name  # noqa: PLC0415 - the same
    from resayil_n8n.library import texts, workflows  # noqa: PLC0415 - the same
    from resayil_n8n.server import serving  # noqa: PLC0415 - the same

    with failing("The gallery did not start"):
        origins = [origin(each) for each in editor or ["http://localhost:5678"]]
        name = check_host(public_host, origins) if public_host else other_name(origins)
    gallery = Gallery(load(workflows(), texts()), frozenset(origins))
    try:
        with serving(gallery, host, port) as bound:
            address = f"http://{name}:{bound}/api"
            if as_json:
                print(dumps({"templates_host": address, "editors": origins}), flush=True)
            else:
                print(say("Start n8n with"))
                print(f"  N8N_TEMPLATES_ENABLED=true\n  N8N_TEMPLATES_HOST={address}")
                where = ", ".join(origins)
                print(say("and open Templates in {where}. Ctrl-C stops it.", where=where), flush=True)
            while True:
                time.sleep(3600)
    except OSError as error:
        tell(f"{say('The gallery did not start')}: {error}")
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
