"""Users, groups, roles, tokens and what each may do where: the double's access control."""

import dataclasses
import hashlib
import itertools
import re
import secrets

from tests.proxmox.formats import PRIVILEGES

VM = {one for one in PRIVILEGES if one.startswith("VM.")}
DATASTORE = {one for one in PRIVILEGES if one.startswith("Datastore.")}
SYSTEM_ONLY = {
    "Permissions.Modify",
    "Sys.AccessNetwork",
    "Sys.Incoming",
    "Sys.Modify",
    "Sys.PowerMgmt",
    "Realm.Allocate",
    "Mapping.Modify",
}
BUILTIN_ROLES: dict[str, set[str]] = {
    "NoAccess": set(),
    "Administrator": set(PRIVILEGES),
    "PVEAdmin": set(PRIVILEGES) - SYSTEM_ONLY,
    "PVEVMAdmin": VM,
    "PVEVMUser": {
        "VM.Audit",
        "VM.Backup",
        "VM.Config.CDROM",
        "VM.Config.Cloudinit",
        "VM.Console",
        "VM.PowerMgmt",
    },
    "PVETemplateUser": {"VM.Audit", "VM.Clone"},
    "PVEDatastoreAdmin": DATASTORE,
    "PVEDatastoreUser": {"Datastore.AllocateSpace", "Datastore.Audit"},
    "PVEPoolAdmin": {"Pool.Allocate", "Pool.Audit"},
    "PVEPoolUser": {"Pool.Audit"},
    "PVESDNAdmin": {"SDN.Allocate", "SDN.Audit", "SDN.Use"},
    "PVESDNUser": {"SDN.Audit", "SDN.Use"},
    "PVESysAdmin": {"Sys.Audit", "Sys.Console", "Sys.Syslog"},
    "PVEUserAdmin": {"Group.Allocate", "Realm.AllocateUser", "User.Modify"},
    "PVEMappingAdmin": {"Mapping.Audit", "Mapping.Modify", "Mapping.Use"},
    "PVEMappingUser": {"Mapping.Audit", "Mapping.Use"},
    "PVEAuditor": {one for one in PRIVILEGES if one.endswith(".Audit")},
}
TOP_PATHS = (
    "/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms",
)  # fmt: skip
ACL_PATH = re.compile(
    r"/|/access(/groups(/[^/]+)?|/realm(/[^/]+)?)?|/nodes(/[^/]+)?|/pool(/.+)?"
    r"|/sdn(/zones(/[^/]+(/[^/]+(/\d+)?)?)?)?|/storage(/[^/]+)?|/vms(/\d{3,})?|/mapping(/.+)?"
)


@dataclasses.dataclass
class Token:
    """An API token of a user."""

    secret: str
    privsep: int = 1
    expire: int = 0
    comment: str = ""


@dataclasses.dataclass
class User:
    """A user with a digest of the password, groups and tokens."""

    password: str = ""
    enable: int = 1
    expire: int = 0
    groups: set[str] = dataclasses.field(default_factory=set)
    tokens: dict[str, Token] = dataclasses.field(default_factory=dict)
    details: dict[str, str] = dataclasses.field(default_factory=dict)
    factors: list[dict[str, object]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Grant:
    """One line of the access control list."""

    path: str
    kind: str
    who: str
    role: str


class Access:
    """Who there is and what they may do."""

    def __init__(self, pools: dict[str, "object"]) -> None:
        self.users: dict[str, User] = {"root@pam": User()}
        self.groups: dict[str, str] = {}
        self.roles: dict[str, set[str]] = {
            name: set(privileges) for name, privileges in BUILTIN_ROLES.items()
        }
        self.acl: dict[Grant, int] = {}
        self.pool_of: dict[str, str] = {}
        self.pools = pools
        self._salt = secrets.token_hex(8)

    def digest(self, password: str) -> str:
        """Return what is kept of a password."""
        return hashlib.sha256((self._salt + password).encode()).hexdigest()

    def privileges(self, who: str, path: str) -> dict[str, int]:
        """Return privilege to propagate flag of a user or token on a path."""
        user, _, token_name = who.partition("!")
        if not token_name:
            return self._of(who, path)
        token = self.users[user].tokens[token_name]
        mine = self._of(user, path)
        if not token.privsep:
            return mine
        own = self._of(who, path)
        return {name: flag and own[name] for name, flag in mine.items() if name in own}

    def has(self, who: str, path: str, privilege: str) -> bool:
        """Whether a user or token has a privilege on a path."""
        return privilege in self.privileges(who, path)

    def _of(self, who: str, path: str) -> dict[str, int]:
        if who == "root@pam":
            return dict.fromkeys(PRIVILEGES, 1)
        roles = self._roles(who, path)
        pool = self.pool_of.get(path)
        if pool and "NoAccess" not in roles:
            for name, flag in self._roles(who, f"/pool/{pool}").items():
                roles.setdefault(name, flag)
        if "NoAccess" in roles:
            return {}
        found: dict[str, int] = {}
        for role, flag in roles.items():
            for privilege in self.roles.get(role, ()):
                found[privilege] = max(flag, found.get(privilege, 0))
        return found

    def _roles(self, who: str, path: str) -> dict[str, int]:
        """Return the roles on a path: the deepest line wins, a user's before a group's."""
        user = self.users.get(who)
        mine = [("token" if "!" in who else "user", who)]
        theirs = [("group", group) for group in (user.groups if user else ())]
        roles: dict[str, int] = {}
        for step in ancestors(path):
            for names in (mine, theirs):
                here = self._lines(names, step, exact=step == path)
                if here:
                    roles = here
                    break
        return roles

    def _lines(self, names: list[tuple[str, str]], path: str, *, exact: bool) -> dict[str, int]:
        return {
            grant.role: flag
            for grant, flag in self.acl.items()
            if grant.path == path and (grant.kind, grant.who) in names and (exact or flag)
        }

    def permissions(self, who: str, path: str | None) -> dict[str, dict[str, int]]:
        """Return the effective privileges by path, empty ones left out."""
        if path is not None:
            return {path: self.privileges(who, path)}
        paths = dict.fromkeys(itertools.chain(TOP_PATHS, (grant.path for grant in self.acl)))
        found = {one: self.privileges(who, one) for one in paths}
        if who == "root@pam":
            return found
        listed = {grant.path for grant in self.acl}
        return {one: flags for one, flags in found.items() if flags and one in listed}

    def drop(self, *, kind: str = "", who: str = "", role: str = "", path: str = "") -> None:
        """Remove the lines of a user with tokens, of a group, of a role or of a path."""
        for grant in list(self.acl):
            owner = grant.who.split("!", maxsplit=1)[0] if kind == "user" else grant.who
            if (
                (who and owner == who and kind in {grant.kind, "user"})
                or (role and grant.role == role)
                or (path and grant.path == path)
            ):
                del self.acl[grant]


def ancestors(path: str) -> list[str]:
    """Return a path and all above it, the root first."""
    parts = [part for part in path.split("/") if part]
    return ["/"] + ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]
