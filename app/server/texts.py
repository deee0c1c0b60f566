"""What the server says to its clients, and about itself."""

from __future__ import annotations

from trt_engines.streams import escaped

BODY = "The request"
BUG = "Something went wrong inside Dewpoint. The log says more."
STOPPED = "The request was stopped in Dewpoint's window, or the server is closing."
QUEUE_FULL = "The queue is full. Try again in some seconds."
PROMPT_TOO_LONG = (
    "This model's context is too short for these messages and an answer: shorten them, or leave out the oldest."
)
NO_KEY = (
    "The key is missing or wrong. Send the one that Dewpoint shows, as 'Authorization: Bearer KEY' or 'x-api-key: KEY'."
)
WRONG_HOST = "The server is asked by a name that is not its own."
WEB_PAGE = "Requests of web pages are refused."
NO_IMAGES = "Only text can be read; no images, sounds or files, and no address is ever fetched."
NO_MESSAGES = "There is no message to answer."
LAST_MESSAGE = "The last message must be the user's, the result of a tool, or the beginning of the answer."
THINKING_AND_FORM = "An answer that keeps a form has no thinking channel: leave one of the two out."
CONTEXT_AND_FORM = "options.num_ctx is too small for an answer that keeps a form: make it larger, or leave it out."
TOOLS_COUNT = "Declared tools are read with the system prompt: declare fewer, or describe them shorter."
TWO_LIMITS = "max_tokens is the older name of max_completion_tokens, and says something else: leave it out."
CLOSING = "The server is closing."
NO_ENCODING = "Send the request as it is, with no Content-Encoding."
NO_FORM_NAMED = "structured_outputs must be an object with json, regex or choice."
BAD_KEY = (
    "The key in DEWPOINT_SERVER_KEY cannot be sent by a client: use letters, digits and signs of ASCII, without spaces."
)
LOGPROBS_FIRST = "top_logprobs needs logprobs to be true."


def _quoted(text: str, most: int) -> str:
    """What a client wrote, in its own letters; what would steer a terminal is an escape."""
    return f"'{escaped(text[:most], kept='')}'"


def include_first(name: str) -> str:
    """Likeliest tokens without log-probabilities."""
    return f"top_logprobs needs {name} in include."


TWO_FORMS = "The answer can keep one form: leave out all but one."
NO_SUCH_TOOL = "The tool that must be called is none of those that are declared."
BODY_TOO_SLOW = "The request did not arrive in time."
ENDED = "The server ended unexpectedly: switch it off and on again."
NO_MODEL_NOW = "No model is loaded in Dewpoint, or it is being loaded: ask again in a moment."
LOAD_HUNG = "Loading the model hung and was ended. Ask again: it is loaded anew."
RUNNING = "Dewpoint is running"
NO_JSON_BODY = "Send the request as JSON."


def must_be(name: str, wanted: str) -> str:
    """A field is of another kind, or out of bounds."""
    return f"{name} must be {wanted}."


def missing(name: str) -> str:
    """A field that must be there is not."""
    return f"{name} is missing."


def unsupported(name: str) -> str:
    """A field that nobody here knows."""
    return f"{name} is not supported."


def unsupported_value(name: str, value: object) -> str:
    """A field that can only have the value that changes nothing."""
    return f"{name} is not supported with the value {_quoted(str(value), 100)}."


def half_character(name: str) -> str:
    """A text with half of a surrogate pair."""
    return f"{name} holds half a character."


def context_full(most: int, prompt: int) -> str:
    """A client's own context has no room for an answer."""
    return f"options.num_ctx is {most:,}, and the prompt alone has {prompt:,} tokens."


def no_json(reason: str) -> str:
    """The body cannot be read."""
    return f"The request is no JSON object{': ' + reason if reason else ''}."


def too_large(most: int) -> str:
    """The body is too long."""
    return f"The request is larger than {most // 1_000_000} MB."


def stop_and_form(name: str) -> str:
    """A stop text would cut an answer that keeps a form."""
    return f"{name} would cut an answer that keeps a form, which ends by itself: leave one of the two out."


def no_model(name: str, known: str) -> str:
    """Another model is asked for."""
    here = f"the one that is loaded is {known!r}, and 'dewpoint' means it, too"
    return f"There is no model {_quoted(name, 100)} here; {here}."


def no_path(path: str) -> str:
    """Nothing answers at this address."""
    return f"There is nothing at {_quoted(path, 200)}."


def no_method(method: str, path: str) -> str:
    """Another method is wanted."""
    return f"{_quoted(method, 20)} is not possible at {_quoted(path, 200)}."


def unknown_role(name: str, role: str) -> str:
    """A message of somebody unknown."""
    return f"{name} must be system, developer, user, assistant or tool, not {_quoted(role, 50)}."


# -- the command -----------------------------------------------------------------------------------------------------

COMMAND = "Answer programs on this computer, in the way of OpenAI, Anthropic and Ollama. Ctrl+C ends it."
HOST_OPTION = "address to listen on (127.0.0.1: this computer alone)"
PORT_OPTION = "port to listen on (8321); 0 for any that is free"
MODEL_OPTION = "model folder; the one that the window had last, else the starter model, if left out"
BACKEND_OPTION = "auto, onnx, native, tensorrt, torch or fake"
NO_KEY_OPTION = "ask for no key; on this computer alone"
JSON_OPTION = "print one JSON object when the server listens"
KEY_NEEDED = "Without a key the server listens on this computer alone: leave out --host, or --no-key."
NO_MODEL_NAME = "--model needs a folder behind it."
OPEN_TO_ALL = "Whoever reaches this address and has the key can ask; what they send is not encrypted on its way."
_END = "Ctrl+C ends it."


def listening(address: str, key: str, model: str, title: str) -> str:
    """The server can be asked."""
    needed = f"Key: {key}" if key else "No key is needed."
    return "\n".join(
        (f"Listening on {address}", f"For OpenAI's clients: {address}/v1", needed, f"Model: {model} ({title})", _END)
    )


def no_address(host: str, port: int, reason: str) -> str:
    """The address cannot be had."""
    return f"The server cannot listen on {host[:100]} port {port} ({reason}). Choose another port, or end what uses it."
