"""The identity domain's door."""

from stead.identity.actors import find_actor_by_session, find_actor_by_token, recognise_token
from stead.identity.cookies import COOKIE, session_of
from stead.identity.service import (
    Project,
    csrf_token,
    end_session,
    ensure_admin,
    find_user_id,
    issue_link,
    link_is_open,
    list_projects,
    project_id,
    redeem_link,
)
from stead.identity.tokens import (
    Issued,
    Token,
    TokenRequest,
    issue,
    issue_for,
    list_tokens,
    revoke_token,
)

__all__ = [
    "COOKIE",
    "Issued",
    "Project",
    "Token",
    "TokenRequest",
    "csrf_token",
    "end_session",
    "ensure_admin",
    "find_actor_by_session",
    "find_actor_by_token",
    "find_user_id",
    "issue",
    "issue_for",
    "issue_link",
    "link_is_open",
    "list_projects",
    "list_tokens",
    "project_id",
    "recognise_token",
    "redeem_link",
    "revoke_token",
    "session_of",
]
