"""One of given labels for a short sentence: mood, topic, yes or no."""

from __future__ import annotations

import random

from inference.training.intents import expand
from inference.training.skills import words
from inference.training.skills.chat import Chat, pick, said

MOODS = {
    "happy": ("what a {wonderful|great|lovely|perfect} day", "i {won|got} the first prize", "we {laughed|danced} all {evening|night}", "i am so glad {that you are here|to see you}", "finally holidays, {hooray|great}",
              "my friend {came back|is well again}, i could {sing|dance}", "this is the best {cake|song|news} ever", "i love {this song|this place|my new bike}", "everything went {well|perfectly} today"),
    "sad": ("my {cat|dog|bird} died {yesterday|today}", "i {cried|wept} all {night|day}", "nobody came to my {party|birthday}", "i miss {her|him|my home|my friend} so much", "she left and {never came back|did not say goodbye}",
            "i lost my {ring|best friend|job}", "it is a {grey|lonely} day without you", "we had to say goodbye for ever", "my heart is {broken|heavy}"),
    "angry": ("stop {that|it} at once", "he {lied|shouted} at me again", "how dare you {touch|break|take} my {book|car|bike}", "i have had enough of this {noise|mess}", "this is {an outrage|unfair}, i want my money back",
              "who broke my {window|cup|phone}", "they cheated, i am furious", "for the third time the {train|bus} is late", "get out and {leave me alone|shut the door}"),
    "calm": ("the lake lies still in the {morning|evening}", "i sit and {drink tea|read a book}", "a quiet walk in the {park|woods}", "soft rain falls on the {roof|leaves}", "we listen to slow music", "the {cat|dog} sleeps by the fire",
             "nothing to do, just {clouds|the sea}", "i breathe slowly and close my eyes", "the snow falls without a sound"),
}  # fmt: skip
TOPICS = {
    "food": ("we {cook|eat|had} {soup|pasta|pizza|rice} {today|tonight}", "the {cake|bread|cheese} tastes {good|sweet|fresh}", "add {salt|butter|sugar} to the {dough|soup|sauce}", "{breakfast|dinner|lunch} is ready", "i am baking {cookies|a cake}"),
    "sport": ("we {won|lost} the {match|game} {two to one|by one goal}", "she {runs|swims|trains} every {morning|day}", "the {goalkeeper|striker|trainer} is {tired|hurt}", "the {race|marathon} starts at {nine|ten}", "he scored a goal"),
    "weather": ("it {rains|snows|is raining|is snowing} {again|all day}", "tomorrow {the sun shines|will be sunny|will be cloudy}", "a {storm|cold wind|thunderstorm} is coming", "it is {hot|freezing|foggy} outside", "{clouds|fog} over the hills"),
    "work": ("the {meeting|report|boss} {is late|takes long}", "my {boss|colleague|office} {called|is on the phone}", "i {work|must work} until {six|seven}", "the {report|contract} is due on {monday|friday}", "i got a new {job|contract|desk}"),
    "travel": ("our {train|plane|flight|ship} leaves at {six|noon}", "i packed my {suitcase|bags|passport}", "we fly to {rome|paris|lima} {in may|next week}", "the {hotel|hostel} is near the {beach|station}", "two tickets to {london|oslo}, please"),
    "animals": ("the {dog|cat|horse} {sleeps|barks|runs away}", "a {bird|swallow} builds its nest", "{bees|ants} live in big {families|groups}", "the {cow|goat} gives milk", "our {rabbit|canary} eats {carrots|hay}"),
    "music": ("she plays the {piano|flute|guitar}", "the {band|choir|orchestra} practises {today|tonight}", "i sing in a {choir|band}", "the {concert|song} was {loud|beautiful}", "turn the {radio|music} down"),
}  # fmt: skip
_ASK = (
    "{is this|is that|is the sentence} $labels? $s", "$labels? $s", "{choose|pick} {one of|from} $labels: $s", "{label|classify|sort} {this|it} as $labels: $s", "which {fits|label fits|one is right}, $labels? $s",
    "$s {Choose|Pick}: $labels", "{tell me|say} {whether|if} this is $labels: $s", "{mood|topic|label}, $labels: $s",
)  # fmt: skip
_CONTAINS = (
    "is there {a|an} $w in this{ sentence|}? $s", "does {this|the sentence} {mention|name|have} {a|the|} $w? $s", "yes or no: {is|does} the word $w {in here|stand here}? $s", "does the word $w {occur|appear}? $s",
)  # fmt: skip


def label(rng: random.Random) -> Chat:
    """Mood or topic among two to four labels."""
    table, name = (MOODS, "mood") if rng.random() < 0.45 else (TOPICS, "topic")
    right = pick(tuple(table), rng)
    others = [key for key in table if key != right]
    labels = [right, *rng.sample(others, rng.randint(1, min(3, len(others))))]
    rng.shuffle(labels)
    text = expand(pick(table[right], rng), rng)
    text = (text[:1].upper() + text[1:] if rng.random() < 0.7 else text) + rng.choice((".", ".", "!", ""))
    shown = ", ".join(labels[:-1]) + rng.choice((" or ", ", ")) + labels[-1]
    return Chat((("user", said(_ASK, rng, polish=False, labels=shown, s=text)),), f"{right}.", "label", name)


def contains(rng: random.Random) -> Chat:
    """Whether a word stands in a sentence."""
    own = words.any_word(rng)
    items = [words.any_word(rng) for _ in range(rng.randint(2, 4))]
    there = rng.random() < 0.5
    if there:
        items[rng.randrange(len(items))] = own
    elif own in items:
        return contains(rng)
    line = said(("we {bought|saw|had} $v", "there {is|was} $v", "i {see|need|like} $v", "$n {has|found|lost} $v"), rng, polish=False, n=words.name(rng),
                v=", ".join(f"a {item}" for item in items[:-1]) + f" and a {items[-1]}")  # fmt: skip
    answer = f"Yes, {own} is there." if there else f"No, {own} is not there."
    return Chat(
        (("user", said(_CONTAINS, rng, polish=False, w=own, s=line[:1].upper() + line[1:] + ".")),),
        answer,
        "label",
        "contains",
    )
