"""A guest's own firewall. Rules of others are left where they are, ours carry a mark."""

from dataclasses import dataclass
from typing import Final

from stead.engines.drivers.proxmox import calls
from stead.engines.drivers.proxmox.client import Param, number, rows
from stead.engines.drivers.proxmox.families import BY_KIND
from stead.engines.drivers.proxmox.mapping import Found
from stead.engines.drivers.proxmox.part import Part
from stead.engines.drivers.proxmox.tasks import Upid

_MARK: Final = "stead"


@dataclass(frozen=True, slots=True)
class FirewallRule:
    """Traffic from outside that a guest takes; empty means any."""

    protocol: str = ""
    ports: str = ""
    source: str = ""


class FirewallCalls(Part):
    """Which traffic reaches a guest."""

    async def set_firewall(self, name: str, allowed: tuple[FirewallRule, ...]) -> None:
        """Let in what is allowed and nothing else; the same call twice is the same.

        Proxmox applies it within some ten seconds, where the datacenter's firewall is on.
        """

        async def act(found: Found) -> Upid | None:
            await self._forget_ours(found)
            # New rules come first in the list, so the last one is added first.
            for rule in reversed(allowed):
                await self._ask(found, BY_KIND[found.kind].fw_add, _form(rule))
            options: dict[str, Param] = {"enable": True, "policy_in": "DROP"}
            await self._ask(found, BY_KIND[found.kind].fw_set, options)
            return None

        await self.change(name, act)

    async def _forget_ours(self, found: Found) -> None:
        family = BY_KIND[found.kind]
        answer = await self.engine.client.call(
            family.fw_rules, "list its rules", node=found.node, vmid=found.vmid
        )
        ours = [row for row in rows(answer) if str(row.get("comment", "")).strip() == _MARK]
        # From the end, because each deletion moves those that come after it.
        for row in sorted(ours, key=lambda row: -number(row.get("pos"))):
            await self.engine.client.call(
                family.fw_delete,
                "forget a rule",
                node=found.node,
                vmid=found.vmid,
                pos=number(row.get("pos")),
            )

    async def _ask(self, found: Found, call: calls.Call, form: dict[str, Param]) -> None:
        await self.engine.client.call(
            call, "set its firewall", form, node=found.node, vmid=found.vmid
        )


def _form(rule: FirewallRule) -> dict[str, Param]:
    form: dict[str, Param] = {
        "type": "in",
        "action": "ACCEPT",
        # Proxmox leaves new rules switched off.
        "enable": True,
        "comment": _MARK,
    }
    named = {"proto": rule.protocol, "dport": rule.ports, "source": rule.source}
    return form | {name: value for name, value in named.items() if value}
