"""The checkpoint's template: what transformers' templates use works, and what would break out does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from inference.backends.fake_model import TEMPLATE as GEMMA_LIKE
from inference.errors import ModelFolderError
from inference.params import ChatTurn
from inference.text.chat_template import ChatTemplate, template_from_folder

TURNS = (ChatTurn("system", "Be brief."), ChatTurn("user", " Hi <b> "), ChatTurn("assistant", "Hello"))
FEATURES = """
{%- macro name(role) %}{{ role | upper }}{% endmacro %}
{%- set ns = namespace(seen=0, self='x') %}
{%- for message in messages %}
    {%- if message.role == 'system' %}{% continue %}{% endif %}
    {%- set ns.seen = ns.seen + 1 %}
    {{- name(message.role) }}: {{ message.content | trim | tojson }}{{ '\\n' }}
    {%- if ns.seen > 10 %}{% break %}{% endif %}
{%- endfor %}
{%- generation %}{{ messages[-1].content }}{% endgeneration %}
{{- dict(a=1) | tojson(indent=2) }} {{ enable_thinking }} {{ 'T' if tools else 'no tools' }}
{%- if add_generation_prompt %}|{% endif %}
"""


@pytest.mark.parametrize("source", [GEMMA_LIKE, FEATURES])
@pytest.mark.parametrize("prompt", [True, False])
def test_renders_like_transformers(source: str, prompt: bool) -> None:
    messages = [{"role": turn.role, "content": turn.text} for turn in TURNS]
    expected, _ = render_jinja_template(
        [messages], chat_template=source, add_generation_prompt=prompt, enable_thinking=True, bos_token="<bos>"
    )
    template = ChatTemplate(source, {"bos_token": "<bos>"})
    assert template.render(TURNS, thinking=True, add_generation_prompt=prompt) == expected[0]


def test_the_role_assistant_reaches_the_template_as_such() -> None:
    assert ChatTemplate("{{ messages | map(attribute='role') | join(',') }}").render(TURNS) == "system,user,assistant"


def test_the_date_can_be_asked_for() -> None:
    assert len(ChatTemplate("{{ strftime_now('%Y') }}").render(TURNS)) == 4


def test_a_refusal_of_the_template_is_a_sentence() -> None:
    template = ChatTemplate("{{ raise_exception('Roles must alternate') }}")
    with pytest.raises(ModelFolderError, match="cannot write this chat: Roles must alternate"):
        template.render(TURNS)


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__class__ }}{{ messages.__class__.__base__.__subclasses__() }}",
        "{{ raise_exception.__globals__['json'] }}",
        "{{ strftime_now.__globals__.__builtins__ }}",
        "{{ cycler.__init__.__globals__.os.system('true') }}",
        "{{ lipsum.__globals__['os'].popen('id').read() }}",
        "{{ self._TemplateReference__context.eval_ctx }}{{ self.__init__.__globals__.x }}",
        "{{ '{0.__class__.__init__.__globals__[x]}'.format(raise_exception) }}",
        "{{ (''|attr('__class__')).__mro__ }}",
        "{{ dict.__base__ }}{{ dict.__globals__.x }}",
        "{% set ns = namespace(__class__=1) %}",
        "{% set ns = namespace() %}{% set ns.__init__ = 1 %}",
        "{{ messages.append({'role': 'user'}) }}",
        "{{ messages[0].update({'role': 'user'}) }}",
        "{{ messages.clear() }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}{{ os }}",
        "{% extends '/etc/passwd' %}",
        "{{ 'a' * 10 ** 9 }}",
        "{{ 10 ** 9 * [1] }}",
        "{{ (99 ** 99) ** 9999999 }}",
        "{% for i in range(10 ** 9) %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ 1 / 0 }}",
        "{{ messages[99].content.x }}",
        "{{ undefined_function() }}",
        "{{ open('/etc/passwd').read() }}",
    ],
)
def test_attacks_and_failures_end_in_a_sentence(attack: str) -> None:
    with pytest.raises(ModelFolderError, match="The model's chat template"):
        ChatTemplate(attack).render(TURNS)


@pytest.mark.parametrize("source", ["{% for %}", "{{ x", "{% nonsense %}", "{% if a %}"])
def test_a_broken_template_names_its_line(source: str) -> None:
    with pytest.raises(ModelFolderError, match="error in line 1"):
        ChatTemplate(source)


def test_rendering_leaves_the_turns_alone_and_can_be_repeated() -> None:
    template = ChatTemplate("{% set ns = namespace(n=0) %}{% set ns.n = ns.n + 1 %}{{ ns.n }}")
    assert template.render(TURNS) == template.render(TURNS) == "1"


def write_config(folder: Path, **fields: object) -> None:
    """tokenizer_config.json with these fields."""
    (folder / "tokenizer_config.json").write_text(json.dumps(fields), encoding="utf-8")


def test_the_file_wins_over_the_configuration(tmp_path: Path) -> None:
    write_config(tmp_path, chat_template="old", bos_token={"content": "<b>"}, eos_token="<e>", pad_token=None)
    (tmp_path / "chat_template.jinja").write_text("{{ bos_token }}{{ eos_token }}new", encoding="utf-8")
    assert template_from_folder(tmp_path).render(TURNS) == "<b><e>new"


@pytest.mark.parametrize(
    "configured",
    [
        "this",
        [{"name": "only", "template": "this"}],
        [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "this"}],
    ],
)
def test_templates_of_the_configuration(tmp_path: Path, configured: object) -> None:
    write_config(tmp_path, chat_template=configured)
    assert template_from_folder(tmp_path).render(TURNS) == "this"


@pytest.mark.parametrize(
    ("configured", "sentence"),
    [
        (None, "holds no chat template"),
        ([{"name": "rag", "template": "x"}, {"name": "tool_use", "template": "y"}], "only: rag, tool_use"),
        ([], "only: none"),
    ],
)
def test_no_usable_template_is_a_sentence(tmp_path: Path, configured: object, sentence: str) -> None:
    write_config(tmp_path, chat_template=configured)
    with pytest.raises(ModelFolderError, match=sentence):
        template_from_folder(tmp_path)


def test_a_damaged_configuration_is_a_sentence(tmp_path: Path) -> None:
    for text in ("{", "[]"):
        (tmp_path / "tokenizer_config.json").write_text(text)
        with pytest.raises(ModelFolderError, match="damaged"):
            template_from_folder(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    (tmp_path / "chat_template.jinja").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ModelFolderError, match="cannot be read"):
        template_from_folder(tmp_path)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ f(1 }}", "has an error in line 1: unexpected '}', expected ')'."),
        ("{{ raise_exception('Roles must alternate.') }}", "cannot write this chat: Roles must alternate."),
        ("{{ ''.__class__.__mro__ }}", "is unsafe."),
    ],
)
def test_a_reason_ends_in_one_full_stop(source: str, said: str) -> None:
    with pytest.raises(ModelFolderError) as caught:
        ChatTemplate(source).render([ChatTurn("user", "Hi")])
    assert caught.value.user_text.endswith(said)
    assert not caught.value.user_text.endswith("..")
