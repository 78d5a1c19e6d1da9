"""Users, groups, roles, tokens and second factors."""

import secrets
import uuid

from tests.proxmox.access import BUILTIN_ROLES, Token, User
from tests.proxmox.call import Call, died, forbidden, invalid, serves
from tests.proxmox.formats import split_list

DETAILS = ("comment", "email", "firstname", "lastname", "keys")


@serves("GET /access")
async def index(call: Call) -> object:
    names = ("users", "groups", "roles", "acl", "domains", "openid", "tfa", "ticket", "password")
    return [{"subdir": name} for name in names]


@serves("GET /access/roles")
async def roles(call: Call) -> object:
    rows: list[dict[str, object]] = []
    for name, privileges in call.world.access.roles.items():
        row: dict[str, object] = {"roleid": name, "privs": ",".join(sorted(privileges))}
        rows.append(row | {"special": 1} if name in BUILTIN_ROLES else row)
    return rows


@serves("POST /access/roles")
async def create_role(call: Call) -> object:
    await call.world.cluster_write("create role")
    name = call["roleid"]
    if name in call.world.access.roles:
        raise died(f"create role failed: role '{name}' already exists")
    call.world.access.roles[name] = set(split_list(str(call.get("privs", ""))))
    return None


@serves("GET /access/roles/{roleid}")
async def role(call: Call) -> object:
    return dict.fromkeys(_role(call), 1)


def _role(call: Call) -> set[str]:
    if call["roleid"] not in call.world.access.roles:
        raise died(f"role '{call['roleid']}' does not exist")
    return call.world.access.roles[call["roleid"]]


@serves("PUT /access/roles/{roleid}")
async def update_role(call: Call) -> object:
    await call.world.cluster_write("update role")
    if call["roleid"] in BUILTIN_ROLES:
        raise died(f"auto-generated role '{call['roleid']}' cannot be modified")
    given = set(split_list(str(call.get("privs", ""))))
    kept = _role(call) if call.get("append") else set()
    call.world.access.roles[call["roleid"]] = kept | given
    return None


@serves("DELETE /access/roles/{roleid}")
async def delete_role(call: Call) -> object:
    await call.world.cluster_write("delete role")
    if call["roleid"] in BUILTIN_ROLES:
        raise died(f"auto-generated role '{call['roleid']}' cannot be deleted")
    if call["roleid"] not in call.world.access.roles:
        raise died(f"delete role failed: role '{call['roleid']}' does not exist")
    del call.world.access.roles[call["roleid"]]
    call.world.access.drop(role=call["roleid"])
    return None


@serves("GET /access/groups")
async def groups(call: Call) -> object:
    users = call.world.access.users.items()
    return [
        {
            "groupid": name,
            "comment": comment,
            "users": ",".join(user for user, one in users if name in one.groups),
        }
        for name, comment in call.world.access.groups.items()
        if call.may("/access/groups", "User.Modify", "Sys.Audit", "Group.Allocate")
        or call.may(f"/access/groups/{name}", "User.Modify", "Sys.Audit", "Group.Allocate")
    ]


@serves("POST /access/groups")
async def create_group(call: Call) -> object:
    await call.world.cluster_write("create group")
    if call["groupid"] in call.world.access.groups:
        raise died(f"create group failed: group '{call['groupid']}' already exists")
    call.world.access.groups[call["groupid"]] = str(call.get("comment", ""))
    return None


@serves("GET /access/groups/{groupid}")
async def group(call: Call) -> object:
    _group(call, "")
    users = call.world.access.users.items()
    return {"members": [name for name, one in users if call["groupid"] in one.groups]}


@serves("PUT /access/groups/{groupid}")
async def update_group(call: Call) -> object:
    _group(call, "update group failed: ")
    call.world.access.groups[call["groupid"]] = str(call.get("comment", ""))
    return None


@serves("DELETE /access/groups/{groupid}")
async def delete_group(call: Call) -> object:
    await call.world.cluster_write("delete group")
    _group(call, "delete group failed: ")
    del call.world.access.groups[call["groupid"]]
    for one in call.world.access.users.values():
        one.groups.discard(call["groupid"])
    call.world.access.drop(kind="group", who=call["groupid"])
    return None


def _group(call: Call, doing: str) -> None:
    if call["groupid"] not in call.world.access.groups:
        raise died(f"{doing}group '{call['groupid']}' does not exist")


@serves("GET /access/users")
async def users(call: Call) -> object:
    """List the caller, and those whom the caller may change or see, perhaps by their group."""
    everybody = call.may("/access/groups", "User.Modify", "Sys.Audit")
    rows = []
    for name, one in call.world.access.users.items():
        paths = [f"/access/groups/{group}" for group in one.groups]
        seen = any(call.may(path, "User.Modify", "Sys.Audit") for path in paths)
        if not (everybody or seen or name == call.who.name):
            continue
        row = _described(name, one) | {"userid": name}
        if call.get("full"):
            row |= {"groups": ",".join(sorted(one.groups)), "tokens": _tokens(one) or None}
        rows.append(row)
    return rows


def _described(name: str, one: User) -> dict[str, object]:
    row: dict[str, object] = {"enable": one.enable, "expire": one.expire, **one.details}
    realm = name.rpartition("@")[2]
    return row | {"realm-type": realm} if realm in {"pam", "pve"} else row


def _tokens(one: User) -> list[dict[str, object]]:
    return [{"tokenid": name, **_token_row(token)} for name, token in one.tokens.items()]


def _token_row(token: Token) -> dict[str, object]:
    row: dict[str, object] = {"expire": token.expire, "privsep": token.privsep}
    return row | {"comment": token.comment} if token.comment else row


@serves("POST /access/users")
async def create_user(call: Call) -> object:
    await call.world.cluster_write("create user")
    access, name = call.world.access, call["userid"]
    if name in access.users:
        raise died(f"create user failed: user '{name}' already exists")
    made = User(enable=int(call.get("enable", 1)), expire=int(call.get("expire", 0)))
    if call.get("password"):
        made.password = access.digest(call["password"])
    for group_name in split_list(str(call.get("groups", ""))):
        if group_name not in access.groups:
            raise died(f"create user failed: group '{group_name}' does not exist")
        made.groups.add(group_name)
    made.details = {key: str(call[key]) for key in DETAILS if call.get(key)}
    access.users[name] = made
    return None


def _user(call: Call) -> User:
    if call["userid"] not in call.world.access.users:
        raise died(f"no such user ('{call['userid']}')")
    return call.world.access.users[call["userid"]]


@serves("GET /access/users/{userid}")
async def user(call: Call) -> object:
    one = _user(call)
    tokens = {name: _token_row(token) for name, token in one.tokens.items()}
    row: dict[str, object] = {"enable": one.enable, "expire": one.expire, **one.details}
    return row | {"groups": sorted(one.groups), "tokens": tokens or None}


@serves("PUT /access/users/{userid}")
async def update_user(call: Call) -> object:
    await call.world.cluster_write("update user")
    one = _user(call)
    one.enable = int(call.get("enable", one.enable))
    one.expire = int(call.get("expire", one.expire))
    if "groups" in call.params:
        kept = one.groups if call.get("append") else set()
        one.groups = kept | set(split_list(call["groups"]))
    one.details |= {key: str(call[key]) for key in DETAILS if key in call.params}
    return None


@serves("DELETE /access/users/{userid}")
async def delete_user(call: Call) -> object:
    """Remove a user with tokens and grants; removing twice is no error."""
    await call.world.cluster_write("delete user")
    call.world.access.users.pop(call["userid"], None)
    call.world.access.drop(kind="user", who=call["userid"])
    return None


@serves("GET /access/users/{userid}/token")
async def tokens(call: Call) -> object:
    return _tokens(_user(call))


@serves("GET /access/users/{userid}/token/{tokenid}")
async def token(call: Call) -> object:
    return _token_row(_token(call))


def _token(call: Call) -> Token:
    found = _user(call).tokens.get(call["tokenid"])
    if found is None:
        raise died(f"no such token '{call['tokenid']}' for user '{call['userid']}'")
    return found


@serves("POST /access/users/{userid}/token/{tokenid}")
async def create_token(call: Call) -> object:
    """Make a token; its secret is in this answer and nowhere else."""
    await call.world.cluster_write("generating token")
    if (
        not call.who.ticket
        and call.who.user != "root@pam"
        and not call.may("/access/groups", "User.Modify")
    ):
        raise forbidden()
    one = _user(call)
    if call["tokenid"] in one.tokens:
        raise invalid(tokenid="Token already exists.")
    secret = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
    one.tokens[call["tokenid"]] = Token(
        secret,
        int(call.get("privsep", 1)),
        int(call.get("expire", 0)),
        str(call.get("comment", "")),
    )
    info = {name: str(call[name]) for name in ("comment", "expire") if name in call.params}
    return {
        "full-tokenid": f"{call['userid']}!{call['tokenid']}",
        "info": info | {"privsep": str(call.get("privsep", 1))},
        "value": secret,
    }


@serves("PUT /access/users/{userid}/token/{tokenid}")
async def update_token(call: Call) -> object:
    found = _token(call)
    found.privsep = int(call.get("privsep", found.privsep))
    found.expire = int(call.get("expire", found.expire))
    found.comment = str(call.get("comment", found.comment))
    changed = {name: str(call[name]) for name in ("expire", "comment") if name in call.params}
    return {
        "privsep": found.privsep,
        **({"comment": found.comment} if found.comment else {}),
    } | changed


@serves("DELETE /access/users/{userid}/token/{tokenid}")
async def delete_token(call: Call) -> object:
    _token(call)
    del _user(call).tokens[call["tokenid"]]
    call.world.access.drop(kind="token", who=f"{call['userid']}!{call['tokenid']}")
    return None


@serves("POST /access/tfa/{userid}")
async def add_factor(call: Call) -> object:
    """Add a second factor; the double takes the given code as right for good."""
    one = _user(call)
    factor: dict[str, object] = {
        "id": str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)),
        "type": call["type"],
        "description": str(call.get("description", "")),
        "created": int(call.world.clock.now()),
        "enable": 1,
        "code": str(call.get("value", "")),
    }
    one.factors.append(factor)
    return {"id": factor["id"]}


@serves("GET /access/tfa/{userid}")
async def factors(call: Call) -> object:
    return [
        {name: value for name, value in factor.items() if name != "code"}
        for factor in _user(call).factors
    ]
