"""From a question and a document to what the model is asked, and from its answer to a cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.chats.documents.parts import best_part, best_parts, parts_text, whole_text
from app.chats.documents.values import DocumentPart, ReadDocument
from app.chats.tables import texts
from app.chats.tables.values import TableCell, TableQuestion
from inference.events import BlockCommitted, Decided, Finished
from inference.operations.find import find_request
from inference.operations.requests import YES_NO, DecideRequest, score_labels
from inference.params import GenerationRequest

MOST_SEARCHED = 4_000  # bytes in which words can be found: a form has 4,096 states
MOST_OTHERS = 5


@dataclass(frozen=True, slots=True)
class AskedText:
    """What of a document is asked.

    Attributes:
        text: It.
        place: Where the best of it stands; "" where all of it is asked.
        in_parts: It is not all of the document.
    """

    text: str
    place: str = ""
    in_parts: bool = False


def text_for(document: ReadDocument, question: TableQuestion, characters: int) -> AskedText | None:
    """All of a document if it has at most so many characters, else what fits the question best; None if nothing fits.

    Where words are looked for, only words of the document stand in it, and no more than a form can hold.
    """
    words = question.kind == "words"
    parts = document.parts
    whole = _joined(parts) if words else whole_text(document)
    if len(whole) <= characters and (not words or _bytes(whole) <= MOST_SEARCHED):
        return AskedText(whole)
    room = min(characters, MOST_SEARCHED) if words else characters
    wanted = f"{question.name} {question.text}"
    best = best_parts(document, wanted, room)
    first = best_part(document, wanted)
    if first is None:
        return None
    if not best:
        best = (DocumentPart(first.place, first.text[: max(0, room)].strip(), first.file),)
    text = _cut(_joined(best), MOST_SEARCHED)[: max(0, room)] if words else parts_text(document.name, best)
    return AskedText(text, first.place, True) if best[0].text else None


def request_for(question: TableQuestion, text: str) -> DecideRequest | GenerationRequest:
    """What the model is asked."""
    match question.kind:
        case "words":
            return find_request(text, question.text, seed=0)
        case "score":
            return DecideRequest(text, question.text, score_labels(question.most), score=True)
        case "label":
            return DecideRequest(text, question.text, question.labels)
        case _:
            return DecideRequest(text, question.text, YES_NO)


def decided_cell(decided: Decided, asked: AskedText, model: str) -> TableCell:
    """A decision."""
    pairs = sorted(zip(decided.labels, decided.shares, strict=True), key=lambda pair: -pair[1])
    share = dict(pairs)[decided.label]
    others = tuple(pair for pair in pairs if pair[0] != decided.label)[:MOST_OTHERS]
    return TableCell(decided.label, share, others, decided.mean, asked.place, asked.in_parts, model)


def words_cell(
    finished: Finished, blocks: Sequence[BlockCommitted], document: ReadDocument, asked: AskedText, model: str
) -> TableCell:
    """Words that were found; they stand in the text as they are."""
    words = " ".join(finished.answer.split())
    if not words:
        return TableCell(in_parts=asked.in_parts, model=model, problem=texts.NOTHING_FOUND)
    entropies = [value for block in blocks for value in block.entropy[: max(1, block.tokens)]]
    settled = math.exp(-sum(entropies) / len(entropies)) if entropies else 0.0
    return TableCell(words, settled, place=_place_of(document, words), in_parts=asked.in_parts, model=model)


def _place_of(document: ReadDocument, words: str) -> str:
    """The part that holds them, whatever spaces are in it."""
    return next((part.place for part in document.parts if words in " ".join(part.text.split())), "")


def _joined(parts: Sequence[DocumentPart]) -> str:
    return "\n\n".join(part.text for part in parts)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _cut(text: str, most: int) -> str:
    """Its beginning, in so many bytes, without half a word at its end."""
    if _bytes(text) <= most:
        return text
    cut = text.encode("utf-8", "surrogatepass")[:most].decode("utf-8", "ignore")
    return cut[: max(cut.rfind(" "), cut.rfind("\n"))] if any(sign in cut for sign in " \n") else cut
