"""The second factor: time-based codes from an app, and recovery codes for its loss."""

import io
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyotp
import segno

from stead.core.db import Uow
from stead.core.vault import Vault
from stead.identity.errors import InvalidRequestError, SecondFactorStateError
from stead.identity.models import UserRow
from stead.identity.repository import people
from stead.kit import clock, ids
from stead.kit.secrets import Secret

ISSUER: Final = "Stead"
CODES: Final = 10
STEP_SECONDS: Final = 30
_DRIFT_STEPS: Final = 1
_SECRET, _NEW = "totp", "totp-new"
_CODE_LENGTH: Final = 6


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an app needs to make codes; it counts once a code has proved that it has it."""

    secret: str
    uri: str


async def begin(uow: Uow, vault: Vault, user: UserRow) -> Enrolment:
    """Return what is to be put into the app; the same until it is confirmed."""
    known = await vault.find(uow, _owner(user), _NEW)
    secret = known.reveal() if known is not None else pyotp.random_base32()
    if known is None:
        await vault.put(uow, _owner(user), _NEW, Secret(secret))
    return _enrolment(user, secret)


async def find_enrolment(uow: Uow, vault: Vault, user: UserRow) -> Enrolment | None:
    """Return what was begun, or None."""
    known = await vault.find(uow, _owner(user), _NEW)
    return _enrolment(user, known.reveal()) if known is not None else None


async def confirm(uow: Uow, vault: Vault, user: UserRow, code: str) -> list[str]:
    """Switch the second factor on and return recovery codes. Raises InvalidRequestError."""
    known = await vault.find(uow, _owner(user), _NEW)
    if known is None:
        raise SecondFactorStateError("No second factor is being set up", hint="Begin again")
    step = _step_of(known.reveal(), code, clock.utc_now())
    if step is None:
        raise InvalidRequestError(
            "The second factor is not switched on yet",
            fields={"code": "This code is not right; wait for the next one"},
        )
    await vault.forget(uow, _owner(user))
    await vault.put(uow, _owner(user), _SECRET, known)
    user.totp_since, user.totp_step = clock.utc_now(), step
    return await new_codes(uow, user)


async def new_codes(uow: Uow, user: UserRow) -> list[str]:
    """Replace the recovery codes; this is the only time they are seen."""
    codes = [ids.new_code() for _ in range(CODES)]
    await people.replace_codes(uow, user.id, [ids.token_hash(_plain(code)) for code in codes])
    return codes


async def switch_off(uow: Uow, vault: Vault, user: UserRow) -> None:
    """Ask for no second factor any more; twice is fine."""
    await vault.forget(uow, _owner(user))
    await people.replace_codes(uow, user.id, [])
    user.totp_since, user.totp_step = None, 0


async def use(uow: Uow, vault: Vault, user: UserRow, code: str) -> bool:
    """Tell whether a code is right, and use it up: none works twice."""
    plain = _plain(code)
    if len(plain) != _CODE_LENGTH or not plain.isdigit():
        return await people.use_code(uow, user.id, ids.token_hash(plain), clock.utc_now())
    secret = await vault.find(uow, _owner(user), _SECRET)
    if secret is None:
        return False
    step = _step_of(secret.reveal(), plain, clock.utc_now())
    return step is not None and await people.use_step(uow, user.id, step)


def picture(enrolment: Enrolment) -> bytes:
    """Return the QR code as an SVG picture."""
    out = io.BytesIO()
    code = segno.make(enrolment.uri, error="m")
    code.save(out, kind="svg", scale=5, border=4, dark="#000", light="#fff", xmldecl=False)
    return out.getvalue()


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step that a code belongs to, a little before or after now."""
    totp, current = pyotp.TOTP(secret), int(now.timestamp()) // STEP_SECONDS
    plain = _plain(code)
    steps = range(current - _DRIFT_STEPS, current + _DRIFT_STEPS + 1)
    # All are compared, so that the time taken does not tell which one it was.
    found = [step for step in steps if ids.equal(totp.generate_otp(step), plain)]
    return found[-1] if found else None


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()


def _enrolment(user: UserRow, secret: str) -> Enrolment:
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.name, issuer_name=ISSUER)
    return Enrolment(secret, uri)


def _owner(user: UserRow) -> str:
    return f"user:{user.id}"
