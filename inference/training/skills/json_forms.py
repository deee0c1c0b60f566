"""A sentence turned into JSON with the given keys, in the given order."""

from __future__ import annotations

import json
import random

from inference.training.skills import words
from inference.training.skills.chat import Chat, article, pick, said

_ASK = (
    "{turn|put|convert|change} {this|this sentence|the sentence|it} {into|to} json with {the keys |keys |}$keys: $s", "$s {Give me|Make|Write} json with {the keys |keys |}$keys",
    "json with {the keys |keys |}$keys: $s", "{extract|find|give me} $keys as json: $s", "{make|write} a json object with $keys from this: $s",
    "as json ($keys): $s", "$s As json with $keys, please.",
)  # fmt: skip
_LINES = {
    "person": ("$name is $age years old and lives in $city.", "$name, $age, lives in $city.", "$name lives in $city and is $age.", "In $city lives $name, who is $age years old.",
               "My friend $name from $city is $age."),
    "work": ("$name works as $ajob in $city.", "$name is $ajob in $city.", "In $city $name works as $ajob.", "$name from $city is $ajob."),
    "order": ("$name buys $count $item for $price euros.", "$count $item cost $price euros, says $name.", "$name paid $price euros for $count $item.", "For $price euros $name got $count $item."),
    "event": ("The $event is on $day at $time.", "On $day at $time there is a $event.", "We have a $event at $time on $day.", "$day, $time: $event."),
    "pet": ("$name has $aanimal called $pet.", "The $animal of $name is called $pet.", "$pet is the $animal of $name."),
}  # fmt: skip
_KEYS = {
    "person": ("name", "age", "city"), "work": ("name", "job", "city"), "order": ("name", "count", "item", "price"), "event": ("event", "day", "time"), "pet": ("name", "animal", "pet"),
}  # fmt: skip
_NUMBERS = frozenset({"age", "count", "price"})


def to_json(rng: random.Random) -> Chat:
    """Names and words as strings, numbers as numbers; one or more of the keys that the sentence has."""
    family = pick(tuple(_LINES), rng)
    item, low, high = words.SHOP[int(rng.random() * len(words.SHOP))]
    values = {
        "name": words.name(rng), "age": str(rng.randint(3, 99)), "city": words.city(rng), "job": pick(words.JOBS, rng), "count": str(rng.randint(2, 20)),
        "item": item, "price": str(rng.randint(low, high)), "event": pick(("party", "meeting", "concert", "race", "dinner", "picnic", "exam", "film"), rng),
        "day": pick(words.DAYS, rng), "time": words.clock(rng), "animal": pick(words.ANIMALS, rng), "pet": words.name(rng),
    }  # fmt: skip
    line = (
        pick(_LINES[family], rng)
        .replace("$ajob", article(values["job"]))
        .replace("$aanimal", article(values["animal"]))
    )
    for key in sorted(values, key=len, reverse=True):
        line = line.replace(f"${key}", values[key])
    keys = list(_KEYS[family])
    if rng.random() < 0.5:
        rng.shuffle(keys)
    keys = keys[: rng.randint(2, len(keys))] if rng.random() < 0.35 else keys
    made = {key: int(values[key]) if key in _NUMBERS else values[key] for key in keys}
    shown = rng.choice((", ".join(keys), ", ".join(keys[:-1]) + " and " + keys[-1], ", ".join(keys)))
    text = said(_ASK, rng, polish=False, keys=shown, s=line)
    return Chat((("user", text),), json.dumps(made, ensure_ascii=False), "json", family)
