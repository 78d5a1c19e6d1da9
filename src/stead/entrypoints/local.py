"""What the verbs that run on the machine itself share: settings, the ground, their words."""

import asyncio
import os
import pwd
import sys
from collections.abc import Callable, Coroutine
from typing import Final, Never, TypeVar

import typer

from stead.core import settings as process_settings, trail
from stead.core.errors import SteadError
from stead.core.settings import Settings, SettingsError
from stead.core.trail import Deed, Trail
from stead.edge.state import StateError
from stead.entrypoints.lock import AlreadyRunningError
from stead.entrypoints.plant import Ground, lay_ground
from stead.kit.process import ProcessError
from stead.platform import public as platform

FAILED: Final = 1
Result = TypeVar("Result")


async def with_ground(
    chosen: Settings, work: Callable[[Ground], Coroutine[None, None, Result]], *, verb: str
) -> Result:
    """Do something with the platform's database and keys, and let go of them.

    What it changes is recorded as done by this verb.
    """
    if platform.pending(chosen.server.data_dir):
        fail("A restore has begun; stead serve or another restore finishes it")
    ground = await lay_ground(chosen)
    try:
        with trail.left(Trail(lambda: local_deed(f"admin.{verb}"))):
            return await work(ground)
    finally:
        await ground.database.close()


def local_deed(action: str, subject: str = "") -> Deed:
    """Describe what somebody does who is signed in to this machine."""
    return Deed(action, actor=f"{_account()} on this server", address="local", subject=subject)


def _account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def run(work: Coroutine[None, None, Result]) -> Result:
    """Run a verb's work; expected failures end the command with their words."""
    try:
        return asyncio.run(work)
    except SteadError as error:
        fail("\n".join(part for part in (error.message, error.hint) if part))
    except (AlreadyRunningError, StateError, ProcessError) as error:
        fail(str(error))
    except FileNotFoundError as error:
        missing = error.filename or "a certificate or key that the configuration names"
        fail(f"{missing} is missing; run: stead admin init")


def settings() -> Settings:
    """Return the process settings, or end the command with what is wrong with them."""
    try:
        return process_settings.load()
    except SettingsError as error:
        fail(str(error))


def say(text: str) -> None:
    """Tell something on standard output."""
    sys.stdout.write(text + "\n")


def fail(text: str) -> Never:
    """End the command with its reason."""
    sys.stderr.write(f"stead: {text}\n")
    raise typer.Exit(FAILED)
