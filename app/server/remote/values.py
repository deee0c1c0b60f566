"""What the window shows of servers, and what is asked of one."""

from __future__ import annotations

from dataclasses import dataclass, field

from inference.look.questions import ServedModelNamed


@dataclass(frozen=True, slots=True)
class ServerFound:
    """What a server has.

    Attributes:
        address: Of the server.
        models: Its models, at least one.
        left_out: How many others it names that cannot be shown or asked.
    """

    address: str
    models: tuple[ServedModelNamed, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class AskedServer:
    """Which model of which server is asked.

    Attributes:
        address: Of the server, with "/v1" or its like.
        model: The name by which it is asked for.
        key: "" for none.
        context: Tokens of its context; 0 if that is not known.
    """

    address: str
    model: str
    key: str = field(repr=False)
    context: int = 0
