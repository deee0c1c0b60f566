"""A chat template neither fills the memory nor goes on for ever, compiled or run; and what templates do still works."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from inference.errors import ModelFolderError
from inference.params import ChatTurn
from inference.text import template_limits
from inference.text.chat_template import ChatTemplate

ROOT = Path(__file__).resolve().parents[3]
TURNS = (ChatTurn("system", " Be <brief>. "), ChatTurn("user", "Hi\tthere"), ChatTurn("assistant", "Hello"))
HUGE = 1_200_000_000
BIG = "{% set x = 'a' * 1000000 %}"
GROW = "{%% set ns = namespace(x=%s) %%}{%% for i in range(60) %%}{%% set ns.x = %s %%}{%% endfor %%}"
# Everything that makes more than it is given; Jinja computed the first ones while it compiled.
LARGE = {
    "filter center": f"{{{{ 'a'|center({HUGE}) }}}}",
    "filter format": f"{{{{ '%{HUGE}d'|format(1) }}}}",
    "filter replace": "{{ ('a' * 1000000)|replace('', 'b' * 1000000) }}",
    "filter indent": f"{{{{ ('a\\n' * 9)|indent({HUGE}) }}}}",
    "filter indent by text": "{{ ('a\\n' * 9)|indent('x' * 1000000, true) }}",
    "filter tojson": f"{{{{ messages|tojson(indent={HUGE}) }}}}",
    "filter batch": f"{{{{ [1]|batch({HUGE}, 'x')|list }}}}",
    "filter slice": f"{{{{ [1]|slice({HUGE})|list|length }}}}",
    "filter wordwrap": "{{ ('a ' * 100000)|wordwrap(1, wrapstring='x' * 10000) }}",
    "filter round": f"{{{{ 7|round({HUGE}, 'ceil') }}}}",
    "filter round down": f"{{{{ 7|round(-{HUGE}) }}}}",
    "filter join": BIG + "{{ ([x] * 3)|join(x) }}",
    "filter join of many": BIG + "{{ range(1000)|map('string')|join(x) }}",
    "filter sum": "{{ ([[1]] * 100000)|sum(start=[]) }}",
    "autoescape": f"{{% autoescape 'a'|center({HUGE}) %}}{{% endautoescape %}}",
    "method center": f"{{{{ 'a'.center({HUGE}) }}}}",
    "method ljust": f"{{{{ 'a'.ljust({HUGE}) }}}}",
    "method rjust": f"{{{{ 'a'.rjust({HUGE}) }}}}",
    "method zfill": f"{{{{ 'a'.zfill({HUGE}) }}}}",
    "method expandtabs": f"{{{{ '\\t'.expandtabs({HUGE}) }}}}",
    "method expandtabs by name": f"{{{{ '\\t'.expandtabs(tabsize={HUGE}) }}}}",
    "method replace": "{{ ('a' * 1000000).replace('', 'b' * 1000000) }}",
    "method replace in a loop": GROW % ("'a'", "ns.x.replace('a', 'aaaaaaaa')"),
    "method join": BIG + "{{ x.join(range(1000)|map('string')) }}",
    "method translate": "{{ 'a'.translate({97: 'b' * 1000000}) }}",
    "method encode": "{{ 'a'.encode('punycode') }}",
    "method to_bytes": "{{ (1).to_bytes(1000000000, 'big') }}",
    "method format": f"{{{{ '{{:>{HUGE}}}'.format(1) }}}}",
    "method format with a width of its own": f"{{{{ '{{:{{}}}}'.format(1, '>{HUGE}') }}}}",
    "method format_map": f"{{{{ '{{a:>{HUGE}}}'.format_map(dict(a=1)) }}}}",
    "method format of many": BIG + "{{ ('{0}' * 2000).format(x) }}",
    "percent": f"{{{{ '%{HUGE}d' % 1 }}}}",
    "percent with precision": f"{{{{ '%.{HUGE}f' % 1.5 }}}}",
    "percent with a width of its own": f"{{{{ '%*d' % ({HUGE}, 1) }}}}",
    "percent of many": BIG + "{{ ('%(a)s' * 2000) % dict(a=x) }}",
    "plus": GROW % ("'a'", "ns.x + ns.x"),
    "plus of lists": GROW % ("[1]", "ns.x + ns.x"),
    "tilde": GROW % ("'a'", "ns.x ~ ns.x"),
    "times": f"{{{{ 'a' * {HUGE} }}}}",
    "times of a list": BIG + "{{ [x] * 1000 }}",
    "times of numbers": GROW % ("3", "ns.x * ns.x"),
    "power": GROW % ("3", "ns.x ** 9"),
    "lists in lists": GROW % ("[1]", "[ns.x, ns.x]"),
    "dictionaries in dictionaries": GROW % ("1", "{'a': ns.x, 'b': ns.x}"),
    "deep lists": GROW.replace("60", "9000") % ("1", "[ns.x]"),
    "deep tuples, which Python hashes without looking at the stack": GROW.replace("60", "90000") % ("1", "(ns.x,)"),
    "output": BIG + "{% for i in range(1000) %}{{ x }}{% endfor %}",
    "output of a macro": BIG + "{% macro m(x) %}{% for i in range(1000) %}{{ x }}{% endfor %}{% endmacro %}{{ m(x) }}",
    "output that is kept": BIG + "{% set y %}{% for i in range(1000) %}{{ x }}{% endfor %}{% endset %}",
    "the date": "{{ strftime_now('%c' * 100000) }}",
}
ENDLESS = {
    "loops": "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "loops that take nothing": "{% for i in range(9999) %}{% for j in range(9999) if false %}{% endfor %}{% endfor %}",
    "macros": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(100) }}",
    "a loop in itself": "{% for x in range(999) recursive %}{{ loop(range(999)) if loop.depth < 9 }}{% endfor %}",
    "filters": "{% for i in range(99999) %}{{ i|string|upper|lower|trim }}{% endfor %}",
    "comparisons": "{% for i in range(99999) %}{{ 1 == 2 }}{{ 1 is odd }}{{ [1] }}{{ messages[0:1] }}{% endfor %}",
}
BROKEN = {
    "a number of 5,000 digits": "{{ " + "9" * 5000 + " }}",
    "a power that cannot be written": "{{ 10 ** 4500 }}",
    "an infinite number": "{% set x = 1e400 %}{{ x }}",
    "loops in loops": "{% for a in b %}" * 30 + "{% endfor %}" * 30,
    "questions in questions": "{% if a %}" * 200 + "{% endif %}" * 200,
    "brackets in brackets": "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
    "signs": "{{ " + "-" * 5000 + "1 }}",
    "attributes": "{{ a" + ".b" * 5000 + " }}",
    "a sum": "{{ 1" + "+1" * 5000 + " }}",
    "length": "a" * 200_001,
    "itself": "{% block a %}{{ self.a() }}{% endblock %}",
}
# The constructs of templates in common use: ChatML, Llama 3, Gemma 3, Mistral, DeepSeek, in short.
IN_USE = {
    "chatml": "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% "
    "endif %}",
    "llama": "{%- set loop_messages = messages %}{%- if messages[0]['role'] == 'system' %}{%- set "
    "system_message = messages[0]['content']|trim %}{%- set messages = messages[1:] %}{%- endif %}{{- "
    "bos_token ~ system_message }}{% for m in messages %}{% set content = '<|start_header_id|>' + "
    "m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 "
    "%}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}",
    "gemma": "{%- if messages[0]['role'] == 'system' -%}{%- set first = messages[0]['content'] + '\n\n' -%}{%- "
    "set rest = messages[1:] -%}{%- endif -%}{%- for m in rest -%}{%- if (m['role'] == 'user') != "
    "(loop.index0 % 2 == 0) -%}{{ raise_exception('no') }}{%- endif -%}{%- set role = 'model' if "
    "m['role'] == 'assistant' else m['role'] -%}{{ '<start_of_turn>' + role + '\n' + (first if "
    "loop.first else '') }}{{ m['content'] | trim }}{{ '\n' }}{%- endfor -%}",
    "mistral": "{%- set ns = namespace(index=0) %}{%- for m in messages if m.role != 'system' %}{%- set ns.index "
    "= ns.index + 1 %}{{- '[INST] %s [/INST]' % m.content if m.role == 'user' else m.content | tojson }"
    "}{{ loop.length }}{{ loop.last }}{{ loop.nextitem.role if not loop.last }}{%- endfor %}{{ "
    "ns.index }}",
    "deepseek": "{% set ns = namespace(is_first=false, system='', parts=[]) %}{%- for m in messages %}{%- if "
    "m['role'] == 'system' %}{%- set ns.system = ns.system + '\n\n' + m['content'] %}{%- endif %}{%- "
    "set ns.parts = ns.parts + [m['content'].split('e')[-1]] %}{%- endfor %}{{ ns.system }}{{ ns.parts "
    "| join('|') }}{{ '{0}-{1:>4}'.format(1, 'a') }}",
    "the rest": "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list | first | "
    "upper }}{{ messages | map(attribute='role') | reject('equalto', 'user') | join(', ') }}{{ 'a\nb' "
    "| indent(2, first=true) }}{{ {'b': 1, 'a': [1, 2.5, none]} | tojson(indent=2, sort_keys=true) }}"
    "{{ 'x' | center(9) }}{{ 'ab' * 3 }}{{ [1, 2, 3, 4] | batch(3, 'y') | list }}{{ dict(a=1).items() "
    "| list }}{{ '%-5s|%05.1f' | format('a', 2.25) }}{% for k, v in dict(a=1, b=2) | dictsort %}{{ k }}"
    "{{ v }}{% endfor %}{{ 'a.b'.replace('.', '') }}{{ 7 // 2 ** 2 % 3 }}{{ 'Hi'.ljust(5) + '!' }}{{ "
    "messages[-1] }}{{ (1, 'a') }}{{ 'a\tb'.expandtabs(4) }}{{ 2.345 | round(1) }}{%- for x in [1, [2, "
    "[3]]] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}{{ 'a' in 'abc' }}{% macro m() "
    "%}{{ caller('c') }}{% endmacro %}{% call(x) m() %}{{ x }}{% endcall %}{{ '<b>' | e }}{{ [3, 1] | "
    "sort }}",
}


@pytest.mark.parametrize("name", LARGE)
def test_nothing_large_is_made(name: str) -> None:
    with pytest.raises(ModelFolderError, match="The model's chat template was stopped: ") as caught:
        ChatTemplate(LARGE[name]).render(TURNS)
    assert "end" not in caught.value.user_text.split(), "it ended because of its size"
    assert caught.value.hint


@pytest.mark.parametrize("name", ENDLESS)
def test_what_does_not_end_is_stopped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_limits, "_MOST_TURNS", 20_000)
    with pytest.raises(ModelFolderError, match="was stopped: it does not come to an end"):
        ChatTemplate(ENDLESS[name]).render(TURNS)


def test_what_is_slow_in_other_ways_is_stopped_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_limits, "_MOST_SECONDS", 0.0)
    with pytest.raises(ModelFolderError, match="was stopped: it does not come to an end"):
        ChatTemplate("{% for i in range(9999) %}{% endfor %}").render(TURNS)


def test_many_values_are_stopped_by_the_memory_that_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_limits, "_MOST_MEMORY", 64 << 20)
    keep = "{% set ns.l = namespace(before=ns.l, own=x[1:]) %}"
    source = f"{{% set ns = namespace(l=none) %}}{BIG}{{% for i in range(5000) %}}{keep}{{% endfor %}}"
    with pytest.raises(ModelFolderError, match="was stopped: it fills the memory"):
        ChatTemplate(source).render(TURNS)


@pytest.mark.parametrize("name", BROKEN)
def test_what_python_cannot_compile_or_run_is_a_sentence(name: str) -> None:
    with pytest.raises(ModelFolderError, match="The model's chat template"):
        ChatTemplate(BROKEN[name]).render(TURNS)


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of a process")
def test_compiling_and_running_take_little_memory() -> None:
    """In a process that would die of what Jinja computed while compiling: 5.8 GB for the first of them.

    Its own peak is read: on Linux, ru_maxrss has that of the process that started it in it.
    """
    code = (
        "import json, pathlib, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\n"
        "from inference.errors import ModelFolderError\n"
        "from inference.params import ChatTurn\n"
        "from inference.text.chat_template import ChatTemplate\n"
        "for source in json.load(sys.stdin):\n"
        "    try:\n"
        "        ChatTemplate(source).render((ChatTurn('user', 'Hi'),))\n"
        "    except ModelFolderError as exc:\n"
        "        assert 'was stopped' in exc.user_text, exc\n"
        "status = pathlib.Path('/proc/self/status')\n"
        "if status.exists():\n"
        "    print(int(status.read_text().split('VmHWM:')[1].split()[0]) >> 10)\n"
        "else:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(list(LARGE.values())), cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) < 400, "MB at the most"


@pytest.mark.parametrize("name", IN_USE)
def test_templates_in_use_render_as_in_transformers(name: str) -> None:
    messages = [{"role": turn.role, "content": turn.text} for turn in TURNS]
    wanted, _ = render_jinja_template(
        [messages], chat_template=IN_USE[name], add_generation_prompt=True, bos_token="<bos>"
    )
    template = ChatTemplate(IN_USE[name], {"bos_token": "<bos>"})
    assert template.render(TURNS) == wanted[0]
    assert template.render(TURNS) == wanted[0], "and again"


def test_a_long_chat_may_be_written_by_a_template_that_copies_it() -> None:
    """Limits grow with the chat: 500 turns of 4,000 characters, collected and written twice."""
    turns = [ChatTurn("user", "dew " * 1000) for _ in range(500)]
    source = (
        "{% set ns = namespace(all='', list=[]) %}{% for m in messages %}{% set ns.all = ns.all + m.content %}"
        "{% set ns.list = ns.list + [m] %}{% endfor %}{{ ns.all }}{{ ns.list | map(attribute='content') | join }}"
    )
    assert len(ChatTemplate(source).render(turns)) == 2 * 500 * 4000
