"""Names, places, things and days that the skills copy from chats; a part of each is kept for the tests alone."""

from __future__ import annotations

import random

from inference.training.intents import split_words
from inference.training.nouns import MORE_NOUNS, STORY_NOUNS

NAMES = split_words(
    "Ada Adam Alex Alice Amir Amy Anna Anton Ben Bella Bert Carl Carla Chen Clara Clark Cora Dana Daniel David Dora "
    "Edgar Ella Emil Emma Erik Eva Fatima Felix Finn Flora Frank Frida George Grace Greta Hana Hanna Harry Hassan "
    "Helen Henry Hugo Ida Ines Ivan Jack Jakob James Jane Jonas Julia Karim Karl Kate Kim Lara Laura Lea Leo Lena "
    "Liam Lily Linda Lisa Louis Luca Lucy Luis Luke Maja Marco Maria Mark Marta Martin Mary Max Maya Mia Mike Mila "
    "Milo Mira Mona Nadia Nico Nina Noah Nora Olga Oliver Omar Oscar Otto Paul Paula Peter Petra Pia Raj Ravi Rita "
    "Robin Rosa Ruth Sam Sara Simon Sofia Stefan Susan Tara Theo Tim Tina Tom Uma Vera Viktor Wanda Willy Yara Yuki "
    "Zoe"
)
HELD_OUT_NAMES = split_words("Agnes Bruno Celia Dylan Esther Fiona Gabriel Hilda Igor Jasmin Kevin Lorenzo Maeve Nils")
CITIES = split_words(
    "Paris Rome London Berlin Madrid Vienna Oslo Lisbon Dublin Prague Athens Warsaw Cairo Tokyo Delhi Lima Quito "
    "Boston Chicago Dallas Denver Hamburg Munich Milan Turin Naples Porto Seville Lyon Basel Bern Zurich Geneva Kyoto "
    "Osaka Seoul Hanoi Manila Sydney Perth Toronto Montreal Havana Nairobi Lagos Accra Dakar Tunis Leeds Bristol York "
    "Cardiff Glasgow Bergen Malmo Turku Riga Vilnius Gdansk Krakow Brno Graz Linz"
)
HELD_OUT_CITIES = split_words("Antwerp Bilbao Cork Dresden Florence Ghent Odense Tampere Utrecht Verona")
DAYS = split_words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = split_words("January February March April May June July August September October November December")
COLOURS = split_words("red blue green yellow black white brown grey orange purple pink golden silver")
FOODS = split_words(
    "pizza soup salad bread cheese rice pasta pancakes apples pears plums cherries noodles curry chocolate waffles "
    "honey tomatoes potatoes carrots beans fish cake ice-cream yogurt eggs muffins olives mushrooms grapes"
)
SPORTS = split_words(
    "football tennis chess swimming running cycling hiking dancing climbing rowing skating skiing golf boxing yoga"
)
ANIMALS = split_words("dog cat horse rabbit parrot ferret turtle goldfish donkey mouse snake lizard duck goat hen")
PLACES = (
    "the forest", "the harbour", "the old castle", "the city park", "the library", "the desert", "a small village",
    "the mountains", "the old town", "a snowy valley", "the market", "a tall tower", "a quiet garden", "the train station",
    "an old mill", "the swamp", "a lighthouse", "the school", "a deep cave", "the bakery", "a busy street",
    "a blue tent", "an empty house", "the zoo", "a tiny kitchen", "the attic", "a green meadow", "the museum",
)  # fmt: skip
HELD_OUT_PLACES = ("the airport", "a dusty workshop", "the orchard", "a frozen lake", "the theatre")
THINGS = split_words(
    "lamp book key map coin ring bell drum kite boat hat shoe umbrella clock spoon kettle mirror letter stone shell "
    "feather bucket basket bottle candle button ribbon pencil box flute whistle compass blanket cup rope"
)
JOBS = split_words(
    "baker nurse teacher painter farmer pilot driver doctor cook singer writer gardener builder plumber lawyer "
    "dentist tailor fisherman carpenter engineer"
)
SHOP = (
    ("apples", 1, 9), ("books", 5, 30), ("chairs", 20, 90), ("cups", 2, 12), ("lamps", 10, 60), ("pens", 1, 5),
    ("shirts", 8, 40), ("tickets", 4, 80), ("plants", 3, 25), ("bottles", 1, 6), ("hats", 6, 35), ("boxes", 1, 8),
)  # fmt: skip
_STARTS = split_words("b br c cl d dr f fl g gr h k kr l m n p pl r s st t tr v w z")
_MIDDLES = split_words("a e i o u ai ee oo ou")
_ENDS = split_words("b ck d g l m n p r rt s st t x zz lo ma no ri to")
_WORDS = (*STORY_NOUNS, *MORE_NOUNS, *FOODS, *SPORTS, *COLOURS)


def any_word(rng: random.Random) -> str:
    """A common word, or one that no language has."""
    if rng.random() < 0.25:
        return made_up(rng)
    return _WORDS[int(rng.random() * len(_WORDS))]


def made_up(rng: random.Random) -> str:
    """A word that no language has, so that copying is learnt and not a list."""
    parts = rng.choice((1, 2, 2, 3))
    return "".join(rng.choice(_STARTS) + rng.choice(_MIDDLES) for _ in range(parts)) + rng.choice(_ENDS)


def name(rng: random.Random) -> str:
    """A person's name; one in eight is made up."""
    if rng.random() < 0.12:
        return made_up(rng).capitalize()
    return NAMES[int(rng.random() * len(NAMES))]


def city(rng: random.Random) -> str:
    """A town; one in eight is made up."""
    if rng.random() < 0.12:
        return made_up(rng).capitalize()
    return CITIES[int(rng.random() * len(CITIES))]


def clock(rng: random.Random) -> str:
    """A time of the day."""
    hour = rng.randint(1, 12)
    return rng.choice((f"{hour} o'clock", f"{hour} pm", f"{hour}:30", f"{hour}:15", f"{hour} am", f"{hour}:45"))


def date(rng: random.Random) -> str:
    """A day, with or without its date."""
    day, month = rng.randint(1, 28), rng.choice(MONTHS)
    return rng.choice((rng.choice(DAYS), f"{month} {day}", f"{rng.choice(DAYS)}, {month} {day}", f"{day} {month}"))
