"""Characters that no encoding can write: halves of surrogate pairs, as undecodable bytes leave them in arguments."""

from __future__ import annotations


def storable(text: str) -> str:
    """`text` with pairs of surrogates joined and lone ones replaced; all other text comes back as it is."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
