"""Nouns of the tiny stories.

The common ones are single tokens of the starter model's vocabulary; the others are spelt in pieces and teach the model
to copy any word from the question. Stories about the held-out ones are never trained: they test just that.
"""

from __future__ import annotations

import random

from inference.training.intents import split_words

STORY_NOUNS = split_words(
    "fox dog cat mouse bear wolf rabbit horse cow pig sheep goat hen duck goose swan owl eagle crow robin frog toad "
    "snake turtle lizard fish whale shark crab octopus snail bee ant spider butterfly ladybird moth worm lion tiger "
    "leopard elephant giraffe zebra monkey gorilla panda koala kangaroo camel donkey deer moose squirrel hedgehog mole "
    "badger beaver otter seal penguin parrot dragon unicorn giant witch wizard king queen prince princess knight "
    "pirate robot ghost fairy elf mermaid monster clown sailor farmer doctor teacher baker painter gardener boy girl "
    "child baby tree flower rose leaf apple pear lemon banana carrot potato pumpkin mushroom cake cookie egg "
    "cheese cloud star moon sun rainbow raindrop snowflake snowman mountain river island stone shell lamp candle clock "
    "book pencil ball kite balloon doll toy drum bell train car bus boat ship plane rocket bicycle house castle tower "
    "bridge door key box bag hat shoe sock button umbrella chair table bed spoon cup bottle kettle mirror computer "
    "phone letter garden grandmother"
)
MORE_NOUNS = split_words(
    "puppy calf lamb foal chick cub fawn piglet jaguar panther cheetah hyena jackal coyote bison buffalo ox bull mule "
    "llama alpaca antelope gazelle rhino hippo ape chimp baboon lemur sloth anteater armadillo weasel ferret mink "
    "skunk opossum porcupine chipmunk gopher bat rat gerbil hare vole shrew elk reindeer boar warthog pigeon dove "
    "sparrow finch canary raven magpie jay cuckoo woodpecker kingfisher heron stork crane flamingo pelican seagull "
    "albatross puffin ostrich emu kiwi turkey pheasant falcon hawk vulture condor python cobra viper gecko chameleon "
    "iguana alligator tortoise salamander newt trout salmon tuna cod herring shrimp prawn squid jellyfish starfish "
    "seahorse oyster clam mussel eel ray dinosaur mammoth wasp hornet fly mosquito grasshopper locust mantis termite "
    "louse flea tick slug centipede scorpion dragonfly caterpillar firefly angel demon vampire werewolf zombie troll "
    "dwarf gnome sprite genie hero explorer astronaut captain general judge nurse cook chef waiter tailor shoemaker "
    "carpenter blacksmith miner hunter fisherman shepherd postman policeman fireman singer dancer actor poet writer "
    "musician student pupil friend brother sister mother father uncle aunt cousin grandfather neighbor stranger "
    "traveler bush grass fern moss vine oak pine willow birch maple palm tulip daisy lily orchid sunflower dandelion "
    "thistle clover acorn nut walnut peanut almond chestnut cherry plum peach grape strawberry raspberry blueberry "
    "orange lime mango pineapple coconut tomato onion garlic cabbage lettuce spinach pea bean corn cucumber pepper "
    "turnip radish beet bread toast bun muffin pancake waffle pie donut candy chocolate lollipop honey butter sausage "
    "noodle pizza sandwich burger soup salad planet comet meteor galaxy sunset storm thunder lightning rain snow hail "
    "wind breeze fog mist wave ocean sea lake pond stream waterfall beach desert jungle forest meadow hill valley "
    "cave volcano iceberg glacier road path street village town city farm barn mill lighthouse palace temple church "
    "school library museum hospital shop market station airport harbor tent hut cottage cabin roof wall window floor "
    "stairs chimney fireplace oven stove fridge sink bathtub shower towel soap brush comb scissors needle thread "
    "ribbon rope chain hook nail screw saw axe shovel rake broom bucket basket barrel crate suitcase backpack purse "
    "wallet coin ring necklace crown sword shield spear bow arrow helmet armor flag map compass telescope microscope "
    "magnet battery bulb wire cable radio camera television keyboard screen printer watch whistle trumpet flute "
    "guitar piano harp banjo tambourine song poem story page paper pen crayon eraser ruler glue sticker stamp "
    "envelope parcel present puzzle marble yoyo swing slide seesaw sandbox skateboard scooter sled ski skate truck "
    "van tram subway taxi ambulance helicopter airplane jet glider submarine canoe kayak raft yacht ferry anchor sail "
    "wheel engine tire"
)
HELD_OUT_NOUNS = split_words(
    "hamster raccoon walrus pony kitten peacock lobster dolphin crocodile beetle goblin soldier cricket cactus melon "
    "violin teapot wagon lantern pillow hammer ladder scarf tractor puppet"
)

_SYLLABLES = split_words(
    "ba be bi bo bu da de di do du fa fe fi fo ga ge go gu ha he hi ka ke ki ko la le li lo lu ma me mi mo mu na ne "
    "ni no nu pa pe pi po ra re ri ro ru sa se si so su ta te ti to tu va ve vi wa we za zo sha che tro gri plo bla sna"
)
_ENDINGS = split_words("n r l s x t ck m p sh le der ling ton bert nia low gle pper dle nk st ff")


def made_up_nouns(count: int) -> tuple[str, ...]:
    """Makes nouns that no language has, so that the model learns to copy any word and not a list of words.

    Args:
        count: How many.

    Returns:
        Different words, always the same, none of them a real noun of the stories.
    """
    rng, real = random.Random(20), (*STORY_NOUNS, *MORE_NOUNS)
    words: dict[str, None] = {}
    while len(words) < count:
        if rng.random() < 0.3:
            word = "".join(rng.choice(_SYLLABLES) for _ in range(rng.choice((1, 2, 2)))) + rng.choice(_ENDINGS)
        else:  # the head of one noun and the tail of another: pieces of every kind, as the tokenizer cuts them
            head, tail = rng.choice(real), rng.choice(real)
            word = head[: rng.randint(1, len(head) - 1)] + tail[rng.randint(1, len(tail) - 1) :]
        if 4 <= len(word) <= 10 and word not in real and word not in HELD_OUT_NOUNS:
            words[word] = None
    return tuple(words)
