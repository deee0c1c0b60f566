"""Names of tensors as checkpoints write them, brought to the one way in which everything here asks for them.

`transformers` takes all of these (tried with 5.23), so we do too: names without the leading "model." (saved from the
bare `DiffusionGemmaModel`) or with one too many; a stack that is named after the encoder alone, with which the decoder
shares it; an embedding under the name of the tied head.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from trt_engines.errors import WeightsError

if TYPE_CHECKING:
    from trt_engines.weights.index import TensorRecord

DECODER, ENCODER = "model.decoder.", "model.encoder.language_model."
EMBEDDING, HEAD = "model.decoder.embed_tokens.weight", "lm_head.weight"
_OWN_SCALAR = re.compile(r"layers\.\d+\.layer_scalar")


def canonical_name(stored: str) -> str:
    """The name with exactly one leading "model." if it is of the encoder or decoder, else as it is."""
    bare = stored
    while bare.startswith("model."):
        bare = bare.removeprefix("model.")
    return f"model.{bare}" if bare.startswith(("decoder.", "encoder.")) else stored


def shared_name(name: str) -> str:
    """The name under which a tensor is kept that encoder, decoder and head share; other names as they are.

    Encoder and decoder share all but the layer scalars (and the self-conditioning, which the encoder has not).
    """
    if name == HEAD:
        return EMBEDDING
    rest = name.removeprefix(ENCODER)
    return name if rest == name or _OWN_SCALAR.fullmatch(rest) else DECODER + rest


def canonical(records: Mapping[str, TensorRecord]) -> dict[str, TensorRecord]:
    """The same records under the names that we ask for; each still knows its `name` in the file.

    A second copy of a shared tensor keeps its own name (see `second_copies`).

    Raises:
        WeightsError: Two tensors claim one name.
    """
    named: dict[str, TensorRecord] = {}
    for stored, record in records.items():
        name = canonical_name(stored)
        if name in named:
            text = f"This checkpoint holds {named[name].name} and {stored}, which are the same tensor."
            raise WeightsError(text, "Choose another copy of this model.")
        named[name] = record
    for name in list(named):
        if shared_name(name) not in named:
            named[shared_name(name)] = named.pop(name)
    return named


def second_copies(records: Mapping[str, TensorRecord]) -> dict[str, str]:
    """Tensors that a checkpoint holds twice: the name of the copy and of the one that is used."""
    return {name: shared_name(name) for name in records if shared_name(name) != name}
