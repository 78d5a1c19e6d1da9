"""The permission that an endpoint declares in the table, and its check before the call."""

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.proxmox.call import Call, RefusedError, forbidden, invalid
from tests.proxmox.formats import split_list
from tests.proxmox.schema import Endpoint


def check(endpoint: Endpoint, call: Call) -> None:
    """Refuse a call whose declared permission the caller lacks."""
    rule = endpoint.permission
    if call.who.root or rule in {"all", "world"}:
        return
    if rule == "root":
        raise forbidden("user != root@pam")
    _check(json.loads(rule.removeprefix("check ")), call)


def _check(rule: list[Any], call: Call) -> None:
    kind, *arguments = rule
    if kind == "and":
        for one in arguments:
            _check(one, call)
    elif kind == "or":
        if not any(_passes(one, call) for one in arguments):
            raise forbidden()
    elif kind == "perm":
        options = dict(zip(arguments[2::2], arguments[3::2], strict=True))
        if options.get("require_param") in {None, *call.raw}:
            _privileges(
                _fill(arguments[0], call.raw), arguments[1], call, any_=bool(options.get("any"))
            )
        else:
            raise forbidden()
    elif kind == "userid-param":
        _userid(arguments[0], call)
    elif kind == "userid-group":
        _group(arguments, call)
    elif kind == "perm-modify":
        _modify(_fill(arguments[0], call.raw), call)


def _passes(rule: list[Any], call: Call) -> bool:
    try:
        _check(rule, call)
    except RefusedError:
        return False
    return True


def _fill(path: str, values: Mapping[str, Any]) -> str:
    """Put the values of a call into a path; a missing one is a refusal of its own."""

    def value(name: re.Match[str]) -> str:
        if name[1] not in values:
            raise invalid(**{name[1]: "property is missing and it is not optional"})
        return str(values[name[1]])

    return re.sub(r"\{(\w+)\}", value, path)


def _privileges(path: str, privileges: list[str], call: Call, *, any_: bool) -> None:
    if any_:
        call.need(path, *privileges)
    else:
        for one in privileges:
            call.need(path, one)


def _userid(what: str, call: Call) -> None:
    userid = str(call.raw.get("userid", ""))
    if what == "self":
        if userid != call.who.user:
            raise forbidden()
        return
    realm = userid.rpartition("@")[2] or str(call.raw.get("realm", ""))
    call.need(f"/access/realm/{realm}", what)


def _group(arguments: list[Any], call: Call) -> None:
    """Whoever may change users in all groups, or in one that this user is in, passes."""
    privileges, *rest = arguments
    options = dict(zip(rest[::2], rest[1::2], strict=True))
    if call.may("/access/groups", *privileges):
        return
    known = call.world.access.users.get(str(call.raw.get("userid", "")))
    groups = (
        set(split_list(str(call.raw.get("groups", "")))) if options.get("groups_param") else set()
    )
    if options.get("groups_param") != "create" and known:
        groups |= known.groups
    if not groups:
        raise forbidden(f"/access/groups, {'|'.join(privileges)}")
    for group in groups:
        call.need(f"/access/groups/{group}", *privileges)


def _modify(path: str, call: Call) -> None:
    """Changing the list needs a right to it, or the right to make the thing itself."""
    wanted = ["Permissions.Modify"]
    if path.startswith("/storage"):
        wanted.append("Datastore.Allocate")
    elif re.match(r"/vms/\d", path):
        wanted.append("VM.Allocate")
    elif path.startswith("/pool/"):
        wanted.append("Pool.Allocate")
    call.need(path, *wanted)
