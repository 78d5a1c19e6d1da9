"""Tickets, permissions and the access control list."""

from tests.proxmox import login
from tests.proxmox.access import ACL_PATH, Grant, User
from tests.proxmox.call import Call, RefusedError, died, forbidden, invalid, serves
from tests.proxmox.formats import split_list
from tests.proxmox.world import World

CAPABILITIES = {
    "access": ("User.Modify", "Group.Allocate"),
    "dc": ("Sys.Audit", "Sys.Modify", "SDN.Allocate", "SDN.Audit", "SDN.Use"),
    "mapping": ("Mapping.",),
    "nodes": ("Sys.",),
    "sdn": ("SDN.",),
    "storage": ("Datastore.",),
    "vms": ("VM.",),
}
CAPABILITY_PATHS = {"dc": "/", "access": "/access"}
WHO_NEEDED = "either 'users', 'groups' or 'tokens' is required."


@serves("GET /access/domains")
async def domains(call: Call) -> object:
    return [
        {"realm": "pam", "type": "pam", "comment": "Linux PAM standard authentication"},
        {"realm": "pve", "type": "pve", "comment": "Proxmox VE authentication server"},
    ]


@serves("GET /access/ticket")
async def ticket_form(call: Call) -> object:
    return None


@serves("POST /access/ticket")
async def ticket(call: Call) -> object:
    """Log in by password, by an older ticket, or by the second factor."""
    await login.daemon(call.world)
    name = str(call["username"])
    if call.get("realm"):
        name = f"{name}@{call['realm']}"
    try:
        return _log_in(call, name, str(call["password"]))
    except RefusedError:
        await call.world.clock.sleep(call.world.settings.failed_login)
        raise


def _log_in(call: Call, name: str, password: str) -> object:
    world = call.world
    user = world.access.users.get(name)
    challenge = call.get("tfa-challenge")
    if user is None or not login.alive(world, name):
        raise RefusedError(401, "authentication failure")
    if challenge:
        if not any(password == f"totp:{factor['code']}" for factor in user.factors):
            raise RefusedError(401, "authentication failure")
    elif login.ticket_user(world, password) != name and not _password_fits(world, user, password):
        raise RefusedError(401, "authentication failure")
    answer: dict[str, object] = {"username": name, "cap": capabilities(world, name)}
    if call.get("path"):
        for privilege in split_list(str(call.get("privs", ""))):
            if not world.access.has(name, str(call["path"]), privilege):
                raise RefusedError(401, "permission check failed")
        return answer
    answer["CSRFPreventionToken"] = login.csrf(world, name)
    if world.cluster:
        answer["clustername"] = world.cluster
    if user.factors and not challenge:
        half = login.make_ticket(world, f'!tfa!{{"totp"%3Atrue}}:{name}')
        return {
            "CSRFPreventionToken": answer["CSRFPreventionToken"],
            "NeedTFA": 1,
            "ticket": half,
            "username": name,
        }
    return answer | {"ticket": login.make_ticket(world, name)}


def _password_fits(world: World, user: User, password: str) -> bool:
    return bool(user.password) and user.password == world.access.digest(password)


def capabilities(world: World, name: str) -> dict[str, dict[str, int]]:
    """Return what the web interface wants to know at once."""
    found: dict[str, dict[str, int]] = {}
    for area, wanted in CAPABILITIES.items():
        flags = world.access.privileges(name, CAPABILITY_PATHS.get(area, f"/{area}"))
        extra = () if area == "dc" else ("Permissions.Modify",)
        found[area] = {one: 1 for one in flags if one.startswith((*wanted, *extra))}
    return found


@serves("GET /access/permissions")
async def own_permissions(call: Call) -> object:
    who = str(call.get("userid", call.who.name))
    if who.split("!", maxsplit=1)[0] not in call.world.access.users:
        raise died(f"no such user ('{who}')")
    if who.split("!", maxsplit=1)[0] != call.who.user and not call.may("/access", "Sys.Audit"):
        raise forbidden("/access, Sys.Audit")
    return call.world.access.permissions(who, call.get("path"))


@serves("PUT /access/password")
async def change_password(call: Call) -> object:
    user = call.world.access.users.get(call["userid"])
    if user is None:
        raise died(f"no such user ('{call['userid']}')")
    user.password = call.world.access.digest(call["password"])
    return None


@serves("GET /access/acl")
async def acl(call: Call) -> object:
    """List the lines on paths where the caller may change permissions."""
    return [
        {
            "path": grant.path,
            "type": grant.kind,
            "ugid": grant.who,
            "roleid": grant.role,
            "propagate": flag,
        }
        for grant, flag in call.world.access.acl.items()
        if call.may("/access", "Sys.Audit", "Permissions.Modify")
        or call.may(grant.path, "Permissions.Modify")
    ]


@serves("PUT /access/acl")
async def change_acl(call: Call) -> object:
    """Grant or take roles; someone without Permissions.Modify grants only what he has."""
    await call.world.cluster_write("ACL update")
    path = str(call["path"]).rstrip("/") or "/"
    if not ACL_PATH.fullmatch(path):
        raise invalid(path=f"invalid ACL path '{path}'")
    kinds = {"users": "user", "groups": "group", "tokens": "token"}
    if not any(call.get(name) for name in kinds):
        raise invalid(**dict.fromkeys(kinds, WHO_NEEDED))
    for role in split_list(call["roles"]):
        if role not in call.world.access.roles:
            raise died(f"ACL update failed: role '{role}' does not exist")
        _subset(call, path, role)
        for name, kind in kinds.items():
            for who in split_list(str(call.get(name, ""))):
                _exists(call.world, kind, who)
                _grant(call, Grant(path, kind, who, role))
    return None


def _subset(call: Call, path: str, role: str) -> None:
    if call.may(path, "Permissions.Modify"):
        return
    mine = call.world.access.privileges(call.who.name, path)
    if not call.world.access.roles[role] <= set(mine):
        raise died(
            f"ACL update failed: role '{role}' - requires 'Permissions.Modify' or superset "
            "of privileges"
        )


def _exists(world: World, kind: str, who: str) -> None:
    user, _, token = who.partition("!")
    if kind == "group":
        if who not in world.access.groups:
            raise died(f"ACL update failed: group '{who}' does not exist")
    elif user not in world.access.users:
        raise died(f"ACL update failed: user '{user}' does not exist")
    elif kind == "token" and token not in world.access.users[user].tokens:
        raise died(f"ACL update failed: no such token '{token}' for user '{user}'")


def _grant(call: Call, grant: Grant) -> None:
    if call.get("delete"):
        call.world.access.acl.pop(grant, None)
    else:
        call.world.access.acl[grant] = int(call.get("propagate", 1))
