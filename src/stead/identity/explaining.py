"""Says in words why somebody may do something, or may not."""

from stead.core.authz import POLICY, Actor, Cause, Decision
from stead.core.policy import Rule


def explain(actor: Actor, decision: Decision, where: str = "") -> str:
    """Return the decision with the rule, role and scope that it rests on."""
    rule = POLICY[decision.action]
    place = f" in {where}" if where else ""
    verdict = "may" if decision.allowed else "may not"
    return f"{actor.name} {verdict} {decision.action}{place}: {_because(decision, rule, where)}"


def _because(decision: Decision, rule: Rule, where: str) -> str:
    reasons = {
        Cause.OWN: "everybody who is signed in may do this to what is their own",
        Cause.ROLE: f"the role {decision.role} of this project includes it",
        Cause.PLATFORM_ROLE: f"the platform role {decision.role} includes it",
        Cause.UNKNOWN: f"not a member of {where or 'the project'}, and told there is nothing",
        Cause.SCOPE_LACKS: f"the token's scopes lack it; the scope {rule.scope} includes it",
        Cause.ROLE_LACKS: f"the role {decision.role} does not include it; {_needed(rule)}",
        Cause.PLATFORM_ROLE_LACKS: f"no role that they have includes it; {_needed(rule)}",
    }
    return reasons[decision.cause]


def _needed(rule: Rule) -> str:
    least = [f"the role {rule.least} or a higher one in the project"] if rule.least else []
    platform = [f"the platform role {role}" for role in sorted(rule.platform)]
    return f"it takes {' or '.join(least + platform)}"
