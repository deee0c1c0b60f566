"""Short jokes; after one, another that was not told yet."""

from __future__ import annotations

import random

from inference.training.skills.chat import Chat, said

JOKES = {
    "any": (
        "Why did the scarecrow win a prize? Because it was outstanding in its field.", "Why can't a bicycle stand up by itself? Because it is two tired.",
        "What has four wheels and flies? A rubbish truck.", "Why did the picture go to prison? Because it was framed.", "What gets wetter the more it dries? A towel.",
        "Why did the calendar worry? Its days were numbered.", "What did one wall say to the other? I will meet you at the corner.", "Why was the broom late? It swept in.",
    ),
    "animal": (
        "What do you call a fish without an eye? A fsh.", "What do you call a bear without teeth? A gummy bear.", "Why do bees hum? Because they forgot the words.",
        "Why did the cow cross the road? To get to the udder side.", "What do you call a sleeping bull? A bulldozer.", "Which animal is always at a game? A bat.",
        "Why do ducks never pay? They put it on their bill.", "How does a snail keep its house clean? It never lets the slugs in.",
    ),
    "computer": (
        "Why was the computer cold? Because it left its windows open.", "Why did the computer go to the doctor? It had a virus.", "What is a computer's favourite snack? Chips, one byte at a time.",
        "Why did the robot sleep under the car? It wanted to wake up oily.", "Why was the keyboard tired? It had two shifts.", "What did the router say to the doctor? It hurts when I ping.",
    ),
    "food": (
        "What kind of cheese is made backwards? Edam.", "Why did the tomato blush? Because it saw the salad dressing.", "Why did the biscuit cry? Its mother was a wafer too long.",
        "What do you call cheese that is not yours? Nacho cheese.", "Why did the banana go out with the plum? It could not find a date.", "Why are bakers rich? They make a lot of dough.",
    ),
    "school": (
        "Why was the maths book sad? It had too many problems.", "Why did the music teacher need a ladder? To reach the high notes.", "What is the king of all school things? The ruler.",
        "Why did the clock go to school? It wanted to learn to tell the time.",
    ),
}  # fmt: skip
_TOPIC = {
    "animal": "{an animal|animals|cows|fish|bears|ducks}",
    "computer": "{a computer|computers|robots|machines}",
    "food": "{food|cheese|eating|cooking|fruit}",
    "school": "{school|teachers|lessons|books}",
}
_ASK = (
    "{tell|give} me a {good|funny|short|little|} joke", "{do you know|have you got|do you have} {a|any|some} {good |funny |}{joke|jokes}?", "{can|could|will|would} you tell {me |us |}a {funny |good |}joke?",
    "{make|please make} me {laugh|smile|giggle}", "{say|tell me} something {funny|silly|to make me laugh}", "{a |}joke{ please|}", "{i want|i need|i would like|id like} {a|to hear a|to hear a funny|to hear a good} {joke|laugh}",
    "tell {a|us a} {funny |}joke", "{crack|make} a joke", "{let's|lets} hear a {good |}joke", "{know|got} any {good |funny |}jokes?", "{be funny|say something to laugh about}", "tell me {some|your best|your favourite} {joke|jokes}",
)  # fmt: skip
_ASK_TOPIC = (
    "{tell|give} me a joke {about|on|with} $t",
    "{a |}joke {about|on} $t{ please|}",
    "{do you know|have you got} a joke {about|with} $t?",
    "{something funny|a good one} about $t",
)
_MORE = (
    "{another|another one|one more|next}{ please|}",
    "{another|one more|a different} joke{ please|}",
    "{tell|give} me {another|one more}{ joke|}",
    "{haha|lol|good one|nice}, {another one|one more}",
    "{i know that one|that was old}, another{ one|}",
)


def joke(rng: random.Random) -> Chat:
    """Any joke, or one on a topic."""
    if rng.random() < 0.5:
        topic = rng.choice(tuple(_TOPIC))
        pattern = rng.choice(_ASK_TOPIC).replace("$t", _TOPIC[topic])
        return Chat((("user", said((pattern,), rng)),), rng.choice(JOKES[topic]), "joke", topic)
    told = rng.choice([each for jokes in JOKES.values() for each in jokes])
    return Chat((("user", said(_ASK, rng)),), told, "joke", "any")


def another(rng: random.Random) -> Chat:
    """One more, a different one."""
    first = joke(rng)
    rest = [each for jokes in JOKES.values() for each in jokes if each != first.answer]
    return Chat((*first.whole(), ("user", said(_MORE, rng))), rng.choice(rest), "joke", "another")
