"""Checkpoints whose vocabulary and template have a syntax of their own for calls of tools, as Gemma's do."""

from __future__ import annotations

import json
from pathlib import Path

import tokenizers

from tests.helpers.checkpoints import random_tensors, small_config
from tests.helpers.text_folders import KINDS, write_json
from tests.helpers.weight_files import write_checkpoint

CALL_TOKENS = (
    "<|tool>", "<tool|>", "<|tool_call>", "<tool_call|>", "<|tool_response>", "<tool_response|>", '<|"|>', "<|think|>",
)  # fmt: skip
# What a value, a call and a result look like; written for these tests after what the published template writes.
_VALUES = """{%- macro value(v) -%}
{%- if v is none -%}null
{%- elif v is string -%}{{ '<|"|>' + v + '<|"|>' }}
{%- elif v is boolean -%}{{ 'true' if v else 'false' }}
{%- elif v is mapping -%}{{ '{' }}{% for k, e in v | dictsort %}{{ k }}:{{ value(e) }}{{ ',' if not loop.last }}
{%- endfor %}{{ '}' }}
{%- elif v is sequence -%}[{% for e in v %}{{ value(e) }}{{ ',' if not loop.last }}{% endfor %}]
{%- else -%}{{ v }}
{%- endif -%}
{%- endmacro -%}
{%- macro result(name, text) -%}
<|tool_response>response:{{ name }}{{ '{value:' }}{{ value(text) }}}<tool_response|>
{%- endmacro -%}
"""
_TURNS = """{{- bos_token -}}
{%- set first = messages[0] if messages[0].role == 'system' else none -%}
{%- if first or tools or enable_thinking -%}
    {{- '<|turn>system\\n' -}}
    {{- '<|think|>\\n' if enable_thinking -}}
    {{- first.content | trim if first -}}
    {%- for tool in tools or [] -%}
        {{- '<|tool>declaration:' + tool.function.name + '{description:' + value(tool.function.description) -}}
        {{- ',parameters:' + value(tool.function.parameters) + '}<tool|>' -}}
    {%- endfor -%}
    {{- '<turn|>\\n' -}}
{%- endif -%}
{%- set now = namespace(open=false) -%}
{%- for message in (messages[1:] if first else messages) -%}
    {%- if message.role == 'tool' -%}
        TOOL_TURN
    {%- else -%}
        {%- if not (message.role == 'assistant' and now.open) -%}
            {{- '<turn|>\\n' if now.open -}}
            {{- '<|turn>' + ('model' if message.role == 'assistant' else message.role) + '\\n' -}}
        {%- endif -%}
        {{- message.content | trim -}}
        {%- for call in message.tool_calls or [] -%}
            {{- '<|tool_call>call:' + call.function.name + value(call.function.arguments) + '<tool_call|>' -}}
        {%- endfor -%}
        {%- for each in message.tool_responses or [] -%}{{- result(each.name, each.response) -}}{%- endfor -%}
        {%- set now.open = message.tool_calls is defined -%}
        {{- '<turn|>\\n' if not now.open -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt and not now.open -%}{{- '<|turn>model\\n' -}}{%- endif -%}"""
_WITHIN = _VALUES + _TURNS.replace("TOOL_TURN", "{{- raise_exception('no such role') -}}")
_SAID = "        {{- message.content | trim -}}\n"
TEMPLATES = {
    "turns": _VALUES + _TURNS.replace("TOOL_TURN", "{{- result(message.name, message.content) -}}"),
    "within": _WITHIN,
}
# What was said beside calls stands behind their results, and ends the turn.
BEHIND = _WITHIN.replace(_SAID, "").replace(
    "        {{- '<turn|>\\n' if not now.open -}}\n", f"{_SAID}        {{{{- '<turn|>\\n' if message.content -}}}}\n"
)


def call_folder(
    folder: Path, template: str = "turns", kind: str = "gemma", weights: bool = False, seed: int = 0
) -> Path:
    """A folder with such a vocabulary and template; with `weights`, a whole small checkpoint of noise."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = KINDS[kind]()
    tokenizer.add_special_tokens([tokenizers.AddedToken(each, special=True) for each in CALL_TOKENS])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(TEMPLATES[template], encoding="utf-8")
    own = {"tokenizer_class": "GemmaTokenizer" if kind == "gemma" else "PreTrainedTokenizerFast", "bos_token": "<bos>"}
    write_json(folder / "tokenizer_config.json", own)
    config = small_config()
    config["text_config"] |= {"vocab_size": tokenizer.get_vocab_size() + 8}
    config |= {"boi_token_id": 9, "image_token_id": 9, "eoi_token_id": 9}
    (folder / "config.json").write_text(json.dumps(config))
    if weights:
        write_checkpoint(folder, random_tensors(config, seed))
    return folder
