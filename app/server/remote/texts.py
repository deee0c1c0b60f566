"""What is said of models that run on a server."""

from __future__ import annotations

from app.base.graphemes import one_line, shortened

_LONGEST_WORDS = 200  # of a server's own, in a sentence

NO_ADDRESS = "This is no address of a server."
NO_ADDRESS_HINT = "Type it as in http://192.168.1.20:8000/v1, without a name and password in it."
KEY_HINT = "Enter the key that this server wants (Model > Add a server)."
MODEL_HINT = "Look at the server's models again (Model > Add a server), and choose one of them."
LATER_HINT = "Try again in a moment."
SERVER_HINT = "The server's own log says more; try again, or choose a model of this computer."
LENGTH_HINT = "Shorten the message, begin a new chat, or allow a shorter answer (Options, below the message box)."
CUT_HINT = "What had come is kept; try again, or continue the answer."
ADDRESS_HINT = "Check the address: a server in OpenAI's way answers at an address that ends in /v1."
REACH_HINT = "Check the address, and that the server runs and lets this computer in."
NO_MODELS = "This server names no model that could be asked."
NOT_COUNTED = "Only the server can count the tokens of a chat."
NOT_COUNTED_HINT = "It says so where one is too long."
FORM_HINT = "Leave it out, or choose a model of this computer."
NOT_FOR_OTHERS = (
    "The model that answers in the window runs on another server, and other programs cannot ask it through Dewpoint."
)
NOT_FOR_OTHERS_HINT = "Ask that server directly, or choose a model of this computer in the window."
BLANKS = "A model on a server cannot fill in the blanks of a message. It was not sent."
BLANKS_HINT = "Choose a model of this computer, or put a backslash before the brackets, so that they are no blanks."
CHAT_FORM = "A model on a server cannot keep the form that is chosen for the answers of this chat. Nothing was sent."
CHAT_FORM_HINT = "Choose a model of this computer, or ordinary answers (Form, below the message box)."
THE_FORM = "an answer that keeps a form"
TOOLS = "calls of tools"
THINKING = "an answer with thinking"
CONTINUED = "an answer that goes on from a given beginning"
HELD_PLACES = "held places without a whole canvas"
START_CANVAS = "an answer that begins from a given canvas"
SHORT_CANVAS = "canvases of another length"
LIKELIHOODS = "log-probabilities of all places"


def device(host: str) -> str:
    """Where it runs, as the header says it."""
    return f"your chat is sent to {host}"


def name(model: str, host: str) -> str:
    """What the window calls the model."""
    return f"{shortened(one_line(model), 80)} on {host}"


def missing(what: str, host: str) -> str:
    """Something that this server was not found to do."""
    return f"{host} was not found to be able to do this: {what}."


def refused_key(host: str) -> str:
    """401 or 403."""
    return f"{host} refused the key, or wants one."


def not_there(host: str, words: str) -> str:
    """404."""
    return f"{host} has no such model, or nothing at this address{_said(words)}."


def too_busy(host: str) -> str:
    """429 or 503."""
    return f"{host} has too much to do, or your limit there is used up."


def own_trouble(host: str, status: int, words: str) -> str:
    """5xx."""
    return f"{host} failed (status {status}){_said(words)}."


def refused(host: str, status: int, words: str) -> str:
    """4xx."""
    return f"{host} refused the question (status {status}){_said(words)}."


def failed(host: str, words: str) -> str:
    """An error in the midst of an answer."""
    return f"{host} failed in the middle of the answer{_said(words)}."


def cut(host: str) -> str:
    """A stream without its end."""
    return f"The answer of {host} broke off in the middle."


def nonsense(host: str) -> str:
    """No answer in OpenAI's way."""
    return f"{host} answered with something that is no answer in OpenAI's way."


def page(host: str) -> str:
    """HTML."""
    return f"{host} answered with a web page where an answer was expected: a log-in page, perhaps."


def sent_on(host: str) -> str:
    """A redirect."""
    return f"{host} sends on to another address. Dewpoint does not follow, so that your key and text go nowhere else."


def slow(host: str) -> str:
    """Silence."""
    return f"{host} said nothing for too long."


def unreachable(host: str) -> str:
    """No connection."""
    return f"{host} cannot be reached: nothing answers there."


def nothing_written(host: str) -> str:
    """An answer without a word."""
    return f"{host} sent an answer without a word."


def _said(words: str) -> str:
    line = shortened(one_line(words), _LONGEST_WORDS)
    return f": \u201c{line}\u201d" if line else ""
