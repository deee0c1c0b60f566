"""The plots of the tiny stories: sentences with alternatives, told of any hero at any place.

`$hero` is a noun ("fox"), `$a` the noun with its article, `$name` a name, `$place` a place with its preposition's noun
("the forest"), `$friend` another noun, `$thing` a thing. No sentence has a pronoun for the hero: it may be a fox, a king
or a lamp. `SHORT` tells the same plot in two sentences.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot.

    Attributes:
        name: For tables.
        told: Its sentences, each with `{one|other}` alternatives, without the ending.
        short: The same in one or two sentences.
    """

    name: str
    told: tuple[str, ...]
    short: str


PLOTS = (
    Plot(
        "lost_thing",
        (
            "{Once there was|There once was} $a named $name.",
            "$name lived in $place and had one treasure: an old $thing.",
            "One {windy|cold|grey} morning the $thing was gone.",
            "$name looked under the bed, behind the door and in the rain barrel.",
            "Then a $friend came by and said: I found this on my way.",
            "It was the $thing, {wet but whole|dusty but whole}, and $name shared breakfast with the $friend.",
        ),
        "$name the $hero lost an old $thing in $place. A $friend found it and brought it back.",
    ),
    Plot(
        "afraid_of_dark",
        (
            "In $place lived $a called $name, who was afraid of the dark.",
            "Every {evening|night} $name held on to a $thing and did not dare to sleep.",
            "One night the last candle went out.",
            "$name sat very still and heard a small voice: it was a $friend, who was afraid, too.",
            "So the two told each other jokes until the stars came out.",
            "From then on the dark was only a place where friends can hide.",
        ),
        "$name the $hero was afraid of the dark in $place. One night a $friend came, and the two told jokes until the stars came out.",
    ),
    Plot(
        "race",
        (
            "$name was {the slowest|the smallest} $hero in $place.",
            "One day there was a great race, and everybody laughed when $name came to the start.",
            "A $friend ran ahead and was soon out of sight.",
            "But the $friend stopped to {sleep under a tree|show off at every corner}.",
            "$name went on, step by step, and never stopped.",
            "At the finish $name was first by the width of a $thing.",
        ),
        "$name, the slowest $hero in $place, ran a race against a $friend. Step by step $name came in first.",
    ),
    Plot(
        "gift",
        (
            "$a named $name wanted to give a $friend a birthday gift.",
            "But $name had no money, only a piece of string and a $thing.",
            "All day $name walked through $place and thought.",
            "Then $name tied the string to the $thing and hung it up {in the wind|in the sun}.",
            "It turned and shone and made a soft sound.",
            "The $friend said that nobody had ever brought such a fine gift.",
        ),
        "$name the $hero had only a string and a $thing. In $place they became a birthday gift, and the $friend loved it.",
    ),
    Plot(
        "rain",
        (
            "It had not rained in $place for a hundred days.",
            "The wells were dry, and $a named $name {was|felt} very thirsty.",
            "$name climbed up to the clouds on a long ladder and knocked.",
            "A $friend opened and said: Nobody ever asked us for rain.",
            "$name asked {politely|kindly} and gave the $friend a $thing.",
            "That night it rained, and everybody danced in the puddles.",
        ),
        "In $place it had not rained for a hundred days. $name the $hero climbed up to the clouds, asked a $friend kindly, and it rained.",
    ),
    Plot(
        "new_neighbour",
        (
            "A $friend moved into the house next to $name in $place.",
            "$name was $a who liked silence, and the $friend played the drum.",
            "For three days $name was cross and closed every window.",
            "On the fourth day the drum was still, and $name could not sleep.",
            "So $name knocked with a $thing and asked for one more song.",
            "Now they play together every {Sunday|evening}, and the windows are open.",
        ),
        "$name the $hero liked silence, until a $friend with a drum moved to $place. When the drum was still, $name missed it and asked for a song.",
    ),
    Plot(
        "map",
        (
            "$name found a map {in an old book|in a bottle}, and on the map was a red cross.",
            "So $a named $name went out to find the treasure.",
            "The way led over a bridge, through $place and past a sleeping $friend.",
            "At the cross $name began to dig and found a box.",
            "In the box lay a $thing and a note: The best part was the way.",
            "$name laughed, for that was true.",
        ),
        "$name the $hero found a map and followed it through $place. In the box lay a $thing and a note: The best part was the way.",
    ),
    Plot(
        "too_big",
        (
            "$name was the biggest $hero in $place, and nothing fitted.",
            "The chairs were too small, the doors too low and the beds too short.",
            "One day a $friend sat on a roof and could not come down.",
            "Everybody ran about with ropes and a $thing.",
            "$name only reached up and lifted the $friend down.",
            "From that day on nobody said too big any more.",
        ),
        "$name the $hero was too big for every chair in $place. But when a $friend could not come down from a roof, only $name could help.",
    ),
    Plot(
        "music",
        (
            "$a named $name had a $thing and wanted to make music with it.",
            "It only said plonk.",
            "The birds of $place flew away, and a $friend closed the window.",
            "$name practised {in the cellar|behind the hill}, day after day.",
            "In spring plonk had become a song.",
            "The birds came back first, and the $friend came after them.",
        ),
        "$name the $hero made music with a $thing, and all of $place ran away. But $name practised, and in spring everybody came to listen.",
    ),
    Plot(
        "wish",
        (
            "One night a star fell into $place, right before the feet of $name.",
            "$name was $a who wished for many things: a hat, a horse, a house.",
            "The star said that there was only one wish.",
            "Just then a $friend came by, cold and without a $thing.",
            "$name thought for a long time and then wished that the $friend would be warm.",
            "The star shone on both of them, and it was the warmest night of the year.",
        ),
        "A star fell into $place and gave $name the $hero one wish. $name wished that a cold $friend would be warm.",
    ),
    Plot(
        "cook",
        (
            "$name was a cook and $a, and the best one in $place.",
            "One day the salt was empty, and a hundred guests were on their way.",
            "A $friend said: Take what you have.",
            "So $name put {apples|honey} into the soup, and last of all a $thing by mistake.",
            "The guests ate in silence, and $name feared the worst.",
            "Then all of them asked for more.",
        ),
        "$name the $hero had no salt and a hundred guests in $place. The soup had a $thing in it, and all guests asked for more.",
    ),
    Plot(
        "snow",
        (
            "In the night it had snowed, and $place was white and quiet.",
            "$a named $name went out and saw tracks in the snow.",
            "They led around the pond, over a fence and back again.",
            "Who walks like that, thought $name, and took a $thing along.",
            "At the end of the tracks sat a $friend who had lost the way home.",
            "They followed the tracks back together, and there was hot tea.",
        ),
        "After a night of snow $name the $hero followed tracks through $place. At their end sat a lost $friend, and they went home for tea.",
    ),
    Plot(
        "machine",
        (
            "$name built a machine that could do everything in $place.",
            "It was made of a $thing, nine wheels and a bell.",
            "It cooked, it swept, it even told jokes, and $name, who was $a, had nothing to do.",
            "After a week $name was so bored that the machine got a new task.",
            "It had to teach a $friend how to build machines.",
            "Then there were two who {laughed and built|built and laughed} all day.",
        ),
        "$name the $hero built a machine in $place and had nothing to do any more. So $name taught a $friend how to build one, too.",
    ),
    Plot(
        "letter",
        (
            "$name waited for a letter, but none ever came to $place.",
            "So $a named $name decided to write one.",
            "It said: Dear reader, I have a $thing and time for tea.",
            "$name put it into a bottle and threw it into the water.",
            "A year later a $friend stood at the door with the wet letter.",
            "I have time for tea, too, said the $friend.",
        ),
        "No letter ever came for $name the $hero in $place. So $name wrote one, and a year later a $friend came for tea.",
    ),
    Plot(
        "painting",
        (
            "Everything in $place was grey: the roofs, the streets, even the soup.",
            "$name, $a with a brush, found that sad.",
            "At night $name painted one door {red|blue}, and nobody knew who it was.",
            "In the morning a $friend saw it and painted a fence.",
            "Then somebody painted a $thing, and somebody a whole tower.",
            "After a week the only grey thing was the cat, who liked it so.",
        ),
        "$place was grey until $name the $hero painted one door at night. A $friend went on, and after a week everything had a colour.",
    ),
    Plot(
        "clock_stopped",
        (
            "The big clock of $place had stopped, and nobody knew when to sleep.",
            "$a named $name climbed up the tower with a $thing.",
            "Between the wheels sat a $friend and slept.",
            "The ticking is so nice and warm, said the $friend.",
            "$name made a soft bed beside the wheels, and the clock went on.",
            "Since then it is always a little late, so as not to wake anybody.",
        ),
        "The clock of $place had stopped, for a $friend slept in it. $name the $hero made a bed beside the wheels, and it ticked again.",
    ),
    Plot(
        "two_paths",
        (
            "$name came to a place in $place where two paths met.",
            "One was {wide and sunny|short and easy}, the other was full of thorns.",
            "$name was a curious $hero and took the one with the thorns.",
            "Half way a $friend was caught in the bushes, and $name cut the branches with a $thing.",
            "Behind the thorns lay a lake that nobody had ever seen.",
            "They swam in it until the evening.",
        ),
        "$name the $hero took the path with the thorns in $place and freed a $friend. Behind the thorns lay a lake that nobody had ever seen.",
    ),
)  # fmt: skip

# How a story ends, by what was asked for.
ENDINGS = {
    "happy": ("And they all lived happily from that day on.", "It was the happiest day of the year."),
    "funny": ("Only the socks of $name were never found again.", "And everybody laughed so much that the soup got cold."),
    "sad": ("But sometimes $name still looked back and was a little sad.", "It was a sad goodbye, and nobody said a word."),
    "sleepy": ("Then $name yawned, lay down and fell asleep. Good night.", "At last the moon rose, and everybody slept."),
    "surprising": ("Only then did $name see that it all had been a dream.", "And the $friend was really the king."),
    "": ("", "", "The end.", "And if you listen well, you can still hear $name laugh.", "That is all there is to tell."),
}  # fmt: skip
OWN_ENDING = "And the story ends with $end."
