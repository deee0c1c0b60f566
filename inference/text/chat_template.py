"""Turns of a chat to the prompt text, by the checkpoint's own template.

The template is never copied into this program: the newest one lies in the model's folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import jinja2.exceptions
import jinja2.nodes

from inference.config import LARGEST_TOKENS, optional_object, unreadable
from inference.errors import ModelFolderError
from inference.params import ChatTurn
from inference.text.special_tokens import CONFIG, special_tokens
from inference.text.template_limits import TemplateLimitError
from inference.text.template_sandbox import TemplateEnvironment
from trt_engines.files import read_regular

FILE = "chat_template.jinja"
_QUESTION = "dewpoint"
_LARGEST = 200_000  # bytes; the published one has a tenth of it, and to compile this much may take ten seconds
_HINT = "Download the newest chat template of this model, or choose another model."


class ChatTemplate:
    """A compiled template and the special tokens it may name."""

    def __init__(self, source: str, special_tokens: Mapping[str, str] | None = None) -> None:
        """Compile the template.

        Args:
            source: Jinja source.
            special_tokens: Values of bos_token, eos_token and the like.

        Raises:
            ModelFolderError: The source is no valid template.
        """
        if len(source) > _LARGEST:
            raise ModelFolderError(f"The model's chat template is longer than {_LARGEST:,} characters.", _HINT)
        self._special_tokens = dict(special_tokens or {})
        self._source = source
        self._environment = TemplateEnvironment()
        try:
            self._template = self._environment.from_string(source)
        except jinja2.TemplateSyntaxError as exc:
            text = f"The model's chat template has an error in line {exc.lineno}: {_reason(exc)}."
            raise ModelFolderError(text, _HINT) from exc
        except (RecursionError, MemoryError, SyntaxError) as exc:
            # Python compiles what Jinja makes of it: no more than 20 loops inside each other, 100 of other things.
            raise ModelFolderError("The model's chat template is nested too deeply.", _HINT) from exc
        except Exception as exc:  # a stranger's code: numbers of 5,000 digits, whatever else a compiler stumbles over
            raise ModelFolderError(f"The model's chat template cannot be read: {_reason(exc)}.", _HINT) from exc

    def literals(self) -> str:
        """Everything that the template writes itself: its text and its constants, joined by null characters."""
        tree = self._environment.parse(self._source)
        texts = {node.data for node in tree.find_all(jinja2.nodes.TemplateData)}
        texts |= {node.value for node in tree.find_all(jinja2.nodes.Const) if isinstance(node.value, str)}
        return "\0".join(sorted(texts))

    def render(self, turns: Sequence[ChatTurn], thinking: bool = False, add_generation_prompt: bool = True) -> str:
        """Prompt text of the turns.

        Args:
            turns: Oldest first; the role "assistant" is passed as such, the template names it as the model knows it.
            thinking: Ask for a thinking channel (`enable_thinking`).
            add_generation_prompt: End with the beginning of the model's turn.

        Raises:
            ModelFolderError: The template refuses the turns, breaks a rule of the sandbox, or fails.
        """
        messages = [{"role": turn.role, "content": turn.text} for turn in turns]
        return self.write(messages, thinking=thinking, add_generation_prompt=add_generation_prompt)

    def write(
        self,
        messages: list[dict[str, Any]],
        tools: list[dict[str, Any]] | None = None,
        thinking: bool = False,
        add_generation_prompt: bool = True,
    ) -> str:
        """Prompt text of messages as transformers' `apply_chat_template` takes them, and of declared tools.

        Raises:
            ModelFolderError: See `render`.
        """
        variables: dict[str, Any] = {
            **self._special_tokens,
            "messages": messages,
            "tools": tools,
            "documents": None,
            "add_generation_prompt": add_generation_prompt,
            "enable_thinking": thinking,
        }
        try:
            self._environment.begin(sum(map(_characters, (messages, tools))), (*messages, messages, tools or []))
            return self._template.render(variables)
        except TemplateLimitError as exc:
            raise ModelFolderError(f"The model's chat template was stopped: {_reason(exc)}.", _HINT) from exc
        except jinja2.exceptions.SecurityError as exc:
            raise ModelFolderError(
                f"The model's chat template does something forbidden: {_reason(exc)}.", _HINT
            ) from exc
        except Exception as exc:  # a stranger's code may raise anything; all of it means that it does not work here
            raise ModelFolderError(f"The model's chat template cannot write this chat: {_reason(exc)}.", _HINT) from exc


def _characters(value: Any) -> int:
    """Of all texts in a value, those of keys, too."""
    if isinstance(value, str):
        return len(value)
    inner = (*value.keys(), *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(map(_characters, inner))


def _reason(error: Exception) -> str:
    """What an error says, without the full stop that some of them bring."""
    said = error.message if isinstance(error, jinja2.TemplateSyntaxError) else str(error)
    return (said or type(error).__name__).rstrip(".")


def template_from_folder(folder: Path) -> ChatTemplate:
    """Template of a checkpoint folder: `chat_template.jinja`, else "chat_template" of `tokenizer_config.json`.

    Raises:
        ModelFolderError: There is no template, or a file is damaged.
    """
    special = special_tokens(folder).named
    file = folder / FILE
    try:
        return ChatTemplate(_filled(read_regular(file, _LARGEST).decode("utf-8"), folder), special)
    except FileNotFoundError:
        pass
    except OSError as exc:
        raise unreadable(file, exc) from exc
    except UnicodeDecodeError as exc:
        raise ModelFolderError(f"{file} cannot be read: it is no text in UTF-8.", "Download this file again.") from exc
    config = optional_object(folder / CONFIG, LARGEST_TOKENS)
    return ChatTemplate(_filled(_configured_template(config.get("chat_template"), folder), folder), special)


def tried_template(folder: Path) -> ChatTemplate:
    """As `template_from_folder`, and one question was written with it: its code runs, so only for whoever chose it.

    Raises:
        ModelFolderError: Also if the template fails, or leaves out what was asked.
    """
    template = template_from_folder(folder)
    if _QUESTION not in template.render((ChatTurn("user", _QUESTION),)).lower():
        text = f"The chat template in {folder} leaves out the messages, so that the model would never see a question."
        raise ModelFolderError(text, _HINT)
    return template


def _filled(source: str, folder: Path) -> str:
    if not source.strip():
        raise ModelFolderError(*_none(folder))
    return source


def _none(folder: Path) -> tuple[str, str]:
    return f"{folder} holds no chat template.", "Choose a chat model (its name often ends in -it)."


def _configured_template(value: Any, folder: Path) -> str:
    """One template of the field "chat_template": a text, or a list of named ones, of which "default" is meant."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        named = {str(item.get("name")): item.get("template") for item in value if isinstance(item, dict)}
        chosen = named.get("default", next(iter(named.values())) if len(named) == 1 else None)
        if isinstance(chosen, str):
            return chosen
        found = ", ".join(str(name) for name in named) or "none"
        text = f"{folder / 'tokenizer_config.json'} has no chat template named default, only: {found}."
        raise ModelFolderError(text, _HINT)
    raise ModelFolderError(*_none(folder))
