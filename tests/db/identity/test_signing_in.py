"""Passwords, second factors and what slows guessing down."""

import asyncio
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import update
from tests.db.identity.conftest import PASSWORD, code_of
from tests.factories.databases import bytes_on_disk
from tests.factories.platform import Platform

from stead.core.authz import Actor, UnauthenticatedError
from stead.core.errors import Kind, SteadError
from stead.identity import profile, public as identity, signing_in
from stead.identity.authenticators import LocalAccounts
from stead.identity.errors import (
    InvalidRequestError,
    SecondFactorError,
    SecondFactorStateError,
    TooManyAttemptsError,
    WrongPasswordError,
)
from stead.identity.models import FailureRow, SessionRow, UserRow
from stead.identity.passwords import Passwords
from stead.identity.profile import Proof
from stead.identity.public import Doors
from stead.identity.sessions import Client
from stead.identity.signing_in import Attempt, Opened
from stead.identity.tokens import TokenRequest
from stead.kit import clock
from stead.kit.secrets import Secret

HERE, THERE = Client("203.0.113.1", "Browser"), Client("203.0.113.2", "Browser")
pytestmark = pytest.mark.timeout(120)


async def enter(
    platform: Platform, doors: Doors, name: str, password: str, client: Client = HERE
) -> Opened:
    attempt = Attempt(name, Secret(password), client)
    return await signing_in.sign_in(platform.database, doors, attempt)


async def who(platform: Platform, session: str) -> Actor | None:
    async with platform.database.read() as uow:
        return await identity.find_actor_by_session(uow, session)


async def enrol(platform: Platform, doors: Doors, ada: Actor) -> tuple[str, list[str]]:
    """Switch the second factor on; return its secret and the recovery codes."""
    async with platform.database.write() as uow:
        begun = await profile.begin_second_factor(uow, doors, ada)
    proof = Proof(Secret(PASSWORD), code_of(begun.secret, -1))
    codes = await profile.confirm_second_factor(platform.database, doors, ada, proof, HERE)
    return begun.secret, codes


async def test_the_right_password_opens_a_session(platform: Platform, doors: Doors, ada: Actor):
    opened = await enter(platform, doors, "ada", PASSWORD)
    found = await who(platform, opened.session)
    assert found is not None
    assert (found.user_id, opened.pending) == (ada.user_id, False)


@pytest.mark.parametrize(
    ("name", "password"), [("ada", "wrong horse battery"), ("nobody", PASSWORD), ("", "")]
)
@pytest.mark.usefixtures("ada")
async def test_wrong_names_and_passwords_hear_the_same(
    platform: Platform, doors: Doors, name: str, password: str
):
    with pytest.raises(WrongPasswordError, match="Name or password is wrong"):
        await enter(platform, doors, name, password)


@pytest.mark.usefixtures("ada")
async def test_names_that_nobody_has_are_checked_as_long_as_others(platform: Platform):
    checked: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002  (argon2's name)
            checked.append(str(hash)[:10])
            return super().verify(hash, password)

    passwords = Passwords(Counting(time_cost=1, memory_cost=8, parallelism=1))
    accounts = LocalAccounts(platform.database, passwords)
    for name in ("ada", "nobody"):
        assert await accounts.verify(name, Secret("wrong horse battery")) is None
    assert len(checked) == 2


async def test_people_without_a_password_cannot_use_an_empty_one(platform: Platform, doors: Doors):
    await platform.person("bob")
    with pytest.raises(WrongPasswordError):
        await enter(platform, doors, "bob", "")


@pytest.mark.usefixtures("ada")
async def test_guessing_gets_slower_and_the_right_password_waits_too(
    platform: Platform, doors: Doors
):
    for _ in range(5):
        with pytest.raises(WrongPasswordError):
            await enter(platform, doors, "ada", "wrong horse battery")
    with pytest.raises(TooManyAttemptsError) as caught:
        await enter(platform, doors, "ada", PASSWORD)
    assert caught.value.hint.startswith("Try again in")
    # Whoever sits elsewhere is not locked out by it.
    assert (await enter(platform, doors, "ada", PASSWORD, THERE)).session


async def test_names_that_nobody_has_are_locked_like_others(platform: Platform, doors: Doors):
    for _ in range(5):
        with pytest.raises(WrongPasswordError):
            await enter(platform, doors, "nobody", "wrong horse battery")
    with pytest.raises(TooManyAttemptsError):
        await enter(platform, doors, "nobody", "wrong horse battery")


@pytest.mark.usefixtures("ada")
async def test_many_attempts_at_once_gain_nothing(platform: Platform, doors: Doors):
    async def attempt() -> str:
        try:
            await enter(platform, doors, "ada", "wrong horse battery")
        except SteadError as error:
            return error.code
        return "in"

    heard = await asyncio.gather(*(attempt() for _ in range(20)))
    # Attempts that meet may shut the door for each other; more than five never get through.
    assert 1 <= heard.count("auth.wrong_password") <= 5
    assert heard.count("auth.too_many_attempts") == 20 - heard.count("auth.wrong_password")


@pytest.mark.usefixtures("ada")
async def test_a_lock_ends_and_grows_with_every_further_failure(platform: Platform, doors: Doors):
    locks = []
    for _ in range(8):
        async with platform.database.write() as uow:
            await uow.session.execute(update(FailureRow).values(locked_until=clock.utc_now()))
        with pytest.raises(WrongPasswordError):
            await enter(platform, doors, "ada", "wrong horse battery")
        locks.append(await longest_lock(platform))
    assert locks[3] <= timedelta(0) < locks[4] < locks[5] < locks[6] < locks[7]


async def longest_lock(platform: Platform) -> timedelta:
    async with platform.database.read() as uow:
        rows = (await uow.session.execute(FailureRow.__table__.select())).all()
    return max(row.locked_until - row.last_at for row in rows)


@pytest.mark.usefixtures("ada")
async def test_an_account_of_ones_own_does_not_hide_guessing_at_others(
    platform: Platform, doors: Doors
):
    await platform.person("eve", password=PASSWORD)
    heard = []
    for turn in range(40):
        try:
            await enter(platform, doors, f"victim{turn}", "wrong horse battery")
        except SteadError as error:
            heard.append(error.code)
        if turn % 10 == 0:
            await enter(platform, doors, "eve", PASSWORD)
        if "auth.too_many_attempts" in heard:
            break
    assert "auth.too_many_attempts" in heard


@pytest.mark.usefixtures("ada")
async def test_a_disabled_person_hears_what_strangers_hear(platform: Platform, doors: Doors):
    opened = await enter(platform, doors, "ada", PASSWORD)
    async with platform.database.write() as uow:
        await uow.session.execute(update(UserRow).values(disabled_at=clock.utc_now()))
    assert await who(platform, opened.session) is None
    with pytest.raises(WrongPasswordError):
        await enter(platform, doors, "ada", PASSWORD)


async def test_with_a_second_factor_the_password_alone_opens_nothing(
    platform: Platform, doors: Doors, ada: Actor
):
    secret, _ = await enrol(platform, doors, ada)
    opened = await enter(platform, doors, "ada", PASSWORD)
    assert opened.pending
    assert await who(platform, opened.session) is None
    full = await signing_in.give_second_factor(
        platform.database, doors, opened.session, code_of(secret), HERE
    )
    found = await who(platform, full)
    assert found is not None
    assert found.user_id == ada.user_id
    assert full != opened.session
    with pytest.raises(UnauthenticatedError):
        await signing_in.give_second_factor(
            platform.database, doors, opened.session, code_of(secret, 1), HERE
        )


async def test_no_code_works_twice(platform: Platform, doors: Doors, ada: Actor):
    secret, codes = await enrol(platform, doors, ada)
    for code in (code_of(secret), codes[0]):
        opened = await enter(platform, doors, "ada", PASSWORD)
        assert await signing_in.give_second_factor(
            platform.database, doors, opened.session, code, HERE
        )
        opened = await enter(platform, doors, "ada", PASSWORD)
        with pytest.raises(SecondFactorError):
            await signing_in.give_second_factor(
                platform.database, doors, opened.session, code, HERE
            )


async def test_a_code_that_is_used_twice_at_once_opens_one_session(
    platform: Platform, doors: Doors, ada: Actor
):
    secret, _ = await enrol(platform, doors, ada)
    code = code_of(secret)
    opened = [await enter(platform, doors, "ada", PASSWORD) for _ in range(2)]
    got = await asyncio.gather(
        *(
            signing_in.give_second_factor(platform.database, doors, one.session, code, HERE)
            for one in opened
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(one, str) for one in got) == 1


async def test_codes_cannot_be_guessed_at_leisure(platform: Platform, doors: Doors, ada: Actor):
    await enrol(platform, doors, ada)
    opened = await enter(platform, doors, "ada", PASSWORD)
    heard = []
    for _ in range(6):
        with pytest.raises(SteadError) as caught:
            await signing_in.give_second_factor(
                platform.database, doors, opened.session, "000000", HERE
            )
        heard.append(caught.value.kind)
    assert heard[-1] is Kind.RATE_LIMITED


async def test_the_second_factor_has_to_be_given_soon(
    platform: Platform, doors: Doors, ada: Actor
):
    secret, _ = await enrol(platform, doors, ada)
    opened = await enter(platform, doors, "ada", PASSWORD)
    async with platform.database.write() as uow:
        await uow.session.execute(update(SessionRow).values(expires_at=clock.utc_now()))
    with pytest.raises(UnauthenticatedError, match="took too long"):
        await signing_in.give_second_factor(
            platform.database, doors, opened.session, code_of(secret), HERE
        )


async def test_switching_on_takes_the_password_and_a_right_code(
    platform: Platform, doors: Doors, ada: Actor
):
    async with platform.database.write() as uow:
        begun = await profile.begin_second_factor(uow, doors, ada)
        again = await profile.begin_second_factor(uow, doors, ada)
    assert begun == again
    assert begun.uri.startswith("otpauth://totp/Stead:ada?secret=")
    for proof, field in (
        (Proof(Secret(PASSWORD), "000000"), "code"),
        (Proof(Secret("wrong horse battery"), code_of(begun.secret)), "current"),
    ):
        with pytest.raises(InvalidRequestError) as caught:
            await profile.confirm_second_factor(platform.database, doors, ada, proof, HERE)
        assert set(caught.value.fields) == {field}
    assert not (await enter(platform, doors, "ada", PASSWORD)).pending


async def test_switching_off_takes_the_password(platform: Platform, doors: Doors, ada: Actor):
    await enrol(platform, doors, ada)
    with pytest.raises(InvalidRequestError):
        await profile.switch_second_factor_off(
            platform.database, doors, ada, Secret("wrong horse battery"), HERE
        )
    await profile.switch_second_factor_off(platform.database, doors, ada, Secret(PASSWORD), HERE)
    assert not (await enter(platform, doors, "ada", PASSWORD)).pending
    with pytest.raises(SecondFactorStateError):
        await profile.switch_second_factor_off(
            platform.database, doors, ada, Secret(PASSWORD), HERE
        )


async def test_new_recovery_codes_replace_the_old(platform: Platform, doors: Doors, ada: Actor):
    _, old = await enrol(platform, doors, ada)
    new = await profile.new_recovery_codes(platform.database, doors, ada, Secret(PASSWORD), HERE)
    opened = await enter(platform, doors, "ada", PASSWORD)
    with pytest.raises(SecondFactorError):
        await signing_in.give_second_factor(platform.database, doors, opened.session, old[1], HERE)
    assert await signing_in.give_second_factor(
        platform.database, doors, opened.session, new[1].upper().replace("-", " "), HERE
    )


async def test_a_program_signs_in_with_password_and_code(
    platform: Platform, doors: Doors, ada: Actor
):
    secret, _ = await enrol(platform, doors, ada)
    body = {"name": "ada", "password": PASSWORD, "scopes": ["read"]}
    async with platform.api() as api:
        first = await api.post("/api/v1/sign-in", json=body)
        assert (first.status_code, first.json()["code"]) == (401, "auth.second_factor")
        made = await api.post("/api/v1/sign-in", json=body | {"code": code_of(secret)})
    assert made.status_code == 201
    async with platform.api(made.json()["token"]) as api:
        assert (await api.get("/api/v1/me")).json()["name"] == "ada"


async def test_old_hashes_are_renewed_by_signing_in(platform: Platform, ada: Actor):
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    accounts = LocalAccounts(platform.database, stronger)
    assert await accounts.verify("ada", Secret(PASSWORD)) == ada.user_id
    async with platform.database.read() as uow:
        row = await uow.session.get_one(UserRow, ada.user_id)
    assert "m=16,t=2" in (row.password_hash or "")
    assert await accounts.verify("ada", Secret(PASSWORD)) == ada.user_id


async def test_other_sources_of_accounts_plug_in_and_may_be_away(
    platform: Platform, doors: Doors, ada: Actor
):
    class AwayError(SteadError):
        kind = Kind.UNAVAILABLE
        code = "test.away"

    class Away:
        async def verify(self, name: str, password: Secret) -> str | None:
            raise AwayError("The directory does not answer")

    class Directory:
        async def verify(self, name: str, password: Secret) -> str | None:
            return ada.user_id if (name, password.reveal()) == ("ada@corp", "theirs") else None

    several = Doors((Away(), Directory()), doors.passwords, doors.vault)
    assert (await enter(platform, several, "ada@corp", "theirs")).session
    with pytest.raises(AwayError):
        await enter(platform, several, "ada@corp", "wrong")


async def test_the_disk_holds_neither_password_nor_secret_nor_codes(
    platform: Platform, doors: Doors, ada: Actor, database_file: object
):
    secret, codes = await enrol(platform, doors, ada)
    token = await signing_in.sign_in_for_token(
        platform.database,
        doors,
        Attempt("ada", Secret(PASSWORD), HERE),
        code_of(secret),
        TokenRequest("cli"),
    )
    disk = bytes_on_disk(database_file)
    plain = [PASSWORD, secret, *codes, *(c.replace("-", "") for c in codes), token.secret]
    assert [one for one in plain if one.encode() in disk] == []
