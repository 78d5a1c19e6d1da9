"""The client's verbs for contexts: the servers that this account has signed in to."""

from typing import Annotated

import typer

from stead.entrypoints import config
from stead.entrypoints.client import CommandError
from stead.entrypoints.terminal import NOT_FOUND, Json, Yes, say, sure, table, wrong

context = typer.Typer(no_args_is_help=True, help="Servers that you signed in to, by name.")


def names(incomplete: str) -> list[str]:
    """Return the names that begin so, for the shell's completion."""
    return [name for name in config.load().logins if name.startswith(incomplete)]


Name = Annotated[str, typer.Argument(help="One of stead context list.", autocompletion=names)]


@context.command("list")
def list_contexts(*, as_json: Json = False) -> None:
    """List the servers that you signed in to."""
    known, meant = config.load(), config.meant()
    rows = [
        {"name": name, "url": one.url, "current": name == meant}
        for name, one in known.logins.items()
    ]
    table(rows, ("name", "url", "current"), as_json=as_json)


@context.command()
def use(name: Name) -> None:
    """Mean this server from now on, unless --context says another."""
    try:
        config.use(name)
    except KeyError:
        raise _unknown(name) from None
    say(f"{name} is meant from now on: {config.load().logins[name].url}")


@context.command()
def remove(name: Name, *, yes: Yes = False) -> None:
    """Forget a server and the token for it. The token itself counts until it is revoked."""
    if name not in config.load().logins:
        raise _unknown(name)
    sure(f"Forget {name} and the token for it?", yes=yes)
    try:
        config.remove(name)
    except KeyError:
        raise _unknown(name) from None
    say(f"{name} is forgotten here; its token counts until it is revoked there")


def name_for(url: str, wanted: str) -> str:
    """Return what the context of this address is called. Raises CommandError."""
    asked = config.asked_for()
    name = wanted or asked or config.name_for(url)
    if not config.NAME.fullmatch(name):
        wrong(f"A context cannot be called {name!r}: letters, digits and . : @ _ - make a name")
    before = config.load().logins.get(name)
    if not wanted and before is not None and before.url != url:
        wrong(f"{name} is {before.url}; name another with: stead login {url} --context NAME")
    return name


def _unknown(name: str) -> CommandError:
    known = ", ".join(config.load().logins) or "none"
    return CommandError(f"There is no context {name}; there are: {known}", NOT_FOUND)
