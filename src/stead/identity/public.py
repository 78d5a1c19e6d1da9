"""The identity domain's door."""

from stead.identity.cookies import COOKIE, session_of
from stead.identity.service import (
    Project,
    Token,
    csrf_token,
    end_session,
    ensure_admin,
    find_actor_by_session,
    find_actor_by_token,
    find_user_id,
    issue_link,
    issue_token,
    link_is_open,
    list_projects,
    list_tokens,
    project_id,
    redeem_link,
    revoke_token,
)

__all__ = [
    "COOKIE",
    "Project",
    "Token",
    "csrf_token",
    "end_session",
    "ensure_admin",
    "find_actor_by_session",
    "find_actor_by_token",
    "find_user_id",
    "issue_link",
    "issue_token",
    "link_is_open",
    "list_projects",
    "list_tokens",
    "project_id",
    "redeem_link",
    "revoke_token",
    "session_of",
]
