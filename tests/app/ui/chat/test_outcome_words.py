"""What is said of how blocks ended: the figures are each block's, and the advice fits what kept the steps few."""

from __future__ import annotations

import pytest

from app.base.settings import preset_params
from app.chats.messages import BlockOutcome
from app.ui.chat.outcome_words import status_line, unsettled_note
from inference.params import SamplerParams


def settled(*steps: int, of: int = 48) -> list[BlockOutcome]:
    """Blocks that settled after so many steps."""
    return [BlockOutcome(each, of, True) for each in steps]


def hit(limit: int = 48) -> BlockOutcome:
    """A block that took all its steps and had not settled."""
    return BlockOutcome(limit, limit, False)


BY_YOU = BlockOutcome(9, 48, False)


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        (settled(14), "settled in 14 of 48 steps"),
        (settled(14, 9), "settled in 23 of 96 steps (14 + 9)"),
        (settled(*[2] * 9), "settled in 18 of 432 steps (9 blocks)"),
        (settled(*[2] * 4), "settled in 8 of 192 steps (2 + 2 + 2 + 2)"),
        (settled(*[48] * 30), "settled in 1,440 of 1,440 steps (30 blocks)"),
        (settled(48), "settled in 48 of 48 steps"),  # in the last step that there was
        (settled(52, of=56), "settled in 52 of 56 steps"),  # it was given more
        ([*settled(14), *settled(7, of=16)], "settled in 21 of 64 steps (14 + 7)"),  # it went on with another preset
        ([BY_YOU], "ended by you after 9 of 48 steps"),
        ([*settled(14), BY_YOU], "1 of 2 blocks ended by you, 23 of 96 steps (14 + 9)"),
        ([hit()], "stopped at 48 of 48 steps before settling"),
        ([hit(), *settled(14)], "stopped at 48 + 14 of 48 steps before settling"),
        ([hit(), BY_YOU], "1 of 2 blocks stopped before settling, 57 of 96 steps (48 + 9)"),
        ([hit(16), *settled(14)], "1 of 2 blocks stopped before settling, 30 of 64 steps (16 + 14)"),
        (
            [hit(), *settled(14, 2), hit(), *settled(3)],
            "2 of 5 blocks stopped before settling, 115 of 240 steps (5 blocks)",
        ),
    ],
)
def test_the_status_line_counts_the_steps_of_each_block(blocks: list[BlockOutcome], said: str) -> None:
    assert status_line(blocks, 3.14, 82.4) == f"{said} \u00b7 3.1 s \u00b7 82 tokens/s"


@pytest.mark.parametrize(
    ("params", "advice"),
    [
        (preset_params("fast"), "the preset Balanced has three times as many"),
        (preset_params("balanced"), "Most steps a block, or More steps while it is written"),
        (preset_params("careful"), "choose the preset Balanced, for which a block is settled sooner"),
        (SamplerParams(max_denoising_steps=5, steps_divisor=3), "give blocks more steps: Options of this chat"),
    ],
)
def test_the_advice_fits_what_kept_the_steps_few(params: SamplerParams, advice: str) -> None:
    note = unsettled_note([hit()], params)
    assert note.startswith("This answer did not settle in 48 steps. Its words may not fit together. Try again, or")
    assert advice in note


def test_the_note_is_about_blocks_that_the_limit_ended() -> None:
    assert unsettled_note([BY_YOU, *settled(14)], SamplerParams()) == ""
    assert unsettled_note([*settled(14), hit()], SamplerParams()).startswith("Block 2 did not settle in 48 steps.")
    assert unsettled_note([hit(16), hit()], SamplerParams()).startswith("2 blocks did not settle in 16 to 48 steps.")
