"""The identity domain's door."""

from stead.identity.accounts import ensure_admin, find_user_id, reset_token
from stead.identity.actors import (
    find_actor_by_prefix,
    find_actor_by_session,
    find_actor_by_token,
    load_actor,
    recognise_session,
    recognise_token,
)
from stead.identity.authenticators import Authenticator, Doors, local_doors
from stead.identity.cookies import COOKIE, session_of
from stead.identity.explaining import explain
from stead.identity.limits import Use, amend, list_use, release, reserve
from stead.identity.projects import (
    Project,
    find_project_id,
    find_project_name,
    list_projects,
    project_id,
)
from stead.identity.rules import Resource
from stead.identity.sessions import csrf_token, end_session, issue_link, link_is_open, redeem_link
from stead.identity.settings import SETTINGS
from stead.identity.tokens import (
    Issued,
    Token,
    TokenRequest,
    issue,
    issue_for,
    list_tokens,
    revoke_token,
    suspend_all as suspend_tokens,
)

__all__ = [
    "COOKIE",
    "SETTINGS",
    "Authenticator",
    "Doors",
    "Issued",
    "Project",
    "Resource",
    "Token",
    "TokenRequest",
    "Use",
    "amend",
    "csrf_token",
    "end_session",
    "ensure_admin",
    "explain",
    "find_actor_by_prefix",
    "find_actor_by_session",
    "find_actor_by_token",
    "find_project_id",
    "find_project_name",
    "find_user_id",
    "issue",
    "issue_for",
    "issue_link",
    "link_is_open",
    "list_projects",
    "list_tokens",
    "list_use",
    "load_actor",
    "local_doors",
    "project_id",
    "recognise_session",
    "recognise_token",
    "redeem_link",
    "release",
    "reserve",
    "reset_token",
    "revoke_token",
    "session_of",
    "suspend_tokens",
]
