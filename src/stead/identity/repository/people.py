"""SQL about people, their recovery codes and their failed attempts to sign in."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from stead.core.db import Uow
from stead.identity.models import FailureRow, RecoveryCodeRow, UserRow


async def find(uow: Uow, user_id: str) -> UserRow | None:
    return await uow.session.get(UserRow, user_id)


async def find_by_name(uow: Uow, name: str) -> UserRow | None:
    row: UserRow | None = await uow.session.scalar(select(UserRow).where(UserRow.name == name))
    return row


async def list_(uow: Uow) -> list[UserRow]:
    return list(await uow.session.scalars(select(UserRow).order_by(UserRow.name)))


async def count_other_admins(uow: Uow, user_id: str) -> int:
    query = select(func.count()).where(
        UserRow.admin.is_(True), UserRow.disabled_at.is_(None), UserRow.id != user_id
    )
    return int(await uow.session.scalar(query) or 0)


async def use_step(uow: Uow, user_id: str, step: int) -> bool:
    """Remember that a time step's code was used; False when it, or a later one, already was."""
    changed = await uow.session.execute(
        update(UserRow)
        .where(UserRow.id == user_id, UserRow.totp_step < step)
        .values(totp_step=step)
    )
    return isinstance(changed, CursorResult) and changed.rowcount == 1


async def replace_codes(uow: Uow, user_id: str, hashes: Sequence[str]) -> None:
    await uow.session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id))
    uow.session.add_all(RecoveryCodeRow(user_id=user_id, code_hash=one) for one in hashes)


async def use_code(uow: Uow, user_id: str, code_hash: str, now: datetime) -> bool:
    changed = await uow.session.execute(
        update(RecoveryCodeRow)
        .where(
            RecoveryCodeRow.user_id == user_id,
            RecoveryCodeRow.code_hash == code_hash,
            RecoveryCodeRow.used_at.is_(None),
        )
        .values(used_at=now)
    )
    return isinstance(changed, CursorResult) and changed.rowcount == 1


async def count_codes(uow: Uow, user_id: str) -> int:
    query = select(func.count()).where(
        RecoveryCodeRow.user_id == user_id, RecoveryCodeRow.used_at.is_(None)
    )
    return int(await uow.session.scalar(query) or 0)


async def failures(uow: Uow, keys: Sequence[str]) -> dict[str, FailureRow]:
    query = select(FailureRow).where(FailureRow.key.in_(keys))
    rows = await uow.session.scalars(query.execution_options(populate_existing=True))
    return {row.key: row for row in rows}


async def count_failure(uow: Uow, key: str, now: datetime, since: datetime) -> int:
    """Count one more and return how many there are; what was before ``since`` is forgotten."""
    forget = update(FailureRow).where(FailureRow.key == key, FailureRow.last_at < since)
    await uow.session.execute(forget.values(count=0))
    more = update(FailureRow).where(FailureRow.key == key)
    changed = await uow.session.execute(more.values(count=FailureRow.count + 1, last_at=now))
    if not isinstance(changed, CursorResult) or changed.rowcount != 1:
        try:
            async with uow.session.begin_nested():
                uow.session.add(FailureRow(key=key, count=1, last_at=now, locked_until=now))
        except IntegrityError:  # somebody else was first
            await uow.session.execute(more.values(count=FailureRow.count + 1, last_at=now))
    count = await uow.session.scalar(select(FailureRow.count).where(FailureRow.key == key))
    return int(count or 1)


async def locked_until(uow: Uow, key: str) -> datetime:
    """Return the end of a lock as it is stored now, whatever was read before."""
    query = select(FailureRow.locked_until).where(FailureRow.key == key)
    return (await uow.session.execute(query)).scalar_one()


async def lock_until(uow: Uow, key: str, until: datetime) -> None:
    await uow.session.execute(
        update(FailureRow).where(FailureRow.key == key).values(locked_until=until)
    )


async def forget_failures(uow: Uow, keys: Sequence[str]) -> None:
    await uow.session.execute(delete(FailureRow).where(FailureRow.key.in_(keys)))


async def forget_failures_of(uow: Uow, prefix: str) -> None:
    await uow.session.execute(delete(FailureRow).where(FailureRow.key.startswith(prefix)))


async def purge_failures(uow: Uow, before: datetime) -> None:
    await uow.session.execute(delete(FailureRow).where(FailureRow.last_at < before))
