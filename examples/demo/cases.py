"""What each call of the application must do, so that a missing span or a stray prompt is noticed.

A demo that only looked for prompts that arrived would prove nothing: a call that never ran is
quiet too. So each case says where its prompt goes when violations are flagged, and where it may go
when they are blocked.
"""

from dataclasses import dataclass

EU = "eu.api.openai.com"
US = "us.api.openai.com"
DEFAULT = "api.openai.com"
INVENTED = "api.openai.eu"
HOSTS = (EU, DEFAULT, US, INVENTED)

CHAT = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Case:
    """One call of app.py, in the order in which the application makes them."""

    name: str
    endpoint: str
    marker: str | None
    """The secret in its prompt; None for a call without one."""
    flagged: tuple[str, ...] = (EU,)
    """Hosts that receive the call when a violation is only flagged."""
    blocked: tuple[str, ...] = (EU,)
    """Hosts that may receive it when a violation is blocked."""

    @property
    def violates(self) -> bool:
        """Whether the policy of the demo objects to this call."""
        return self.flagged != self.blocked

    def reaches(self, mode: str) -> tuple[str, ...]:
        """The hosts that must see this call in this mode, in order, and no others."""
        return self.blocked if mode == "block" else self.flagged


CASES = (
    Case("chat, snapshot", CHAT, "SECRET-7f3a91c2"),
    Case("chat, alias", CHAT, "SECRET-1b8e4d07"),
    Case("chat, streamed", CHAT, "SECRET-c05d72ea"),
    Case("responses, async", "/v1/responses", "SECRET-94f6a13b"),
    Case("embeddings", "/v1/embeddings", "SECRET-e2207c9d"),
    Case("list of models", "/v1/models", None),
    Case("chat, default host", CHAT, "SECRET-5ad80b36", flagged=(DEFAULT,), blocked=()),
    Case("embeddings, default", "/v1/embeddings", "SECRET-38c1f5e4", flagged=(DEFAULT,), blocked=()),
    Case("chat, US host", CHAT, "SECRET-d96b204f", flagged=(US,), blocked=()),
    Case("chat, invented host", CHAT, "SECRET-6c4f9e18", flagged=(INVENTED,), blocked=()),
    Case("chat, redirected", CHAT, "SECRET-b7135da0", flagged=(EU, DEFAULT), blocked=(EU,)),
    Case("chat, stored", CHAT, "SECRET-2fe86c71", blocked=()),
    Case("conversation", "/v1/conversations", "SECRET-80d47ab5", blocked=()),
    Case("file upload", "/v1/files", "SECRET-fa0c3965", blocked=()),
)
