"""How an input of a manifest is written for the agent."""

from stead.catalog.schemas import Input


def declaration(one: Input) -> dict[str, object]:
    """Return an input as the agent knows it.

    What is asked only sometimes is never required there and has no default: the control plane
    has decided by then whether it applies.
    """
    always = one.visible_if is None
    return {
        "name": one.name,
        "type": one.type,
        "required": one.required and always,
        "default": one.default if always else None,
        "sensitive": one.is_secret,
        "validation": one.validation.model_dump(exclude_none=True),
    }
