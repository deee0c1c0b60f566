"""`python -m app models`: the same behaviour as the page, in words and as JSON."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.base.paths import AppPaths, starter_model_folder
from app.commands import models_choice
from app.commands.dispatch import run_command
from app.library.services import LibraryServices
from inference.look.client import Looks
from inference.look.questions import LookAtFolder, LookQuestion
from tests.helpers.adapters import QUERY, factors, write_adapter
from tests.helpers.checkpoints import random_tensors, shard, small_config, tiny_config, write_model
from tests.helpers.hub_behaviour import Repo, repo_of, stall, status
from tests.helpers.hub_server import Hub
from tests.helpers.looks import answered_here
from tests.helpers.tiny_models import NAME, MemoryKeyring, tiny_contents
from tests.helpers.waiting import WAIT_SECONDS, wait_until
from tests.helpers.weight_files import write_checkpoint

ROOT = Path(__file__).resolve().parents[3]
SHARD = "model-00002-of-00002.safetensors"

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture(autouse=True)
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on every machine."""
    monkeypatch.setitem(sys.modules, "pynvml", None)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit status, output, errors."""
    result = run_command(["models", *arguments])
    found = capsys.readouterr()
    return result, found.out, found.err


def events(text: str) -> list[dict[str, Any]]:
    """JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def test_list_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    result, text, _ = run(capsys, "list")
    assert result == 0
    for words in ("starter\n  ready", "nvidia/diffusiongemma-26B-A4B-it-NVFP4\n  available, 18.9 GB", "of memory; "):
        assert words in text
    result, text, _ = run(capsys, "list", "--json")
    assert [model["kind"] for model in json.loads(text)["models"]] == ["starter", *["catalogue"] * 4]
    result, text, _ = run(capsys, "show", "google-bf16")
    assert "repository:  google/diffusiongemma-26B-A4B-it" in text
    assert "licence:     apache-2.0" in text
    assert json.loads(run(capsys, "show", "STARTER", "--json")[1])["state"] == "ready"


def test_plan_for_another_card(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.library.overview.free_bytes", lambda folder: 500 * 10**9)
    monkeypatch.setattr("app.library.overview.psutil.virtual_memory", lambda: SimpleNamespace(total=32 * 2**30))
    result, text, _ = run(capsys, "plan", "--gpu", "RTX 4070", "--json")
    assert result == 0
    assert {row["precision"] for row in json.loads(text)} == {"int4"}
    result, text, _ = run(capsys, "plan", "--gpu", "rtx 4070")
    assert "have not run on a GPU" in text
    assert run(capsys, "plan", "--gpu", "RTX 1")[0] == 1


def test_network(capsys: pytest.CaptureFixture[str], hub: Hub) -> None:
    text = run(capsys, "network")[1]
    assert text.count(hub.url) == 3
    assert "Nothing else is ever asked" in text


def test_nothing_is_fetched_without_a_yes(
    capsys: pytest.CaptureFixture[str], repo: Repo, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, text, error = run(capsys, "download", NAME)
    assert result == 1
    assert "Licence: apache-2.0" in text
    assert "licence was not accepted" in error
    assert run(capsys, "download", NAME, "--json")[0] == 1
    answers = io.StringIO("r\nn\n")
    answers.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", answers)
    result, text, _ = run(capsys, "download", NAME)
    assert result == 1
    assert "Apache License" in text, "r shows the licence"
    assert not hub.behaviour.requests(SHARD)


def test_download_verify_remove(
    capsys: pytest.CaptureFixture[str], repo: Repo, dewpoint_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = io.StringIO("y\n")
    answers.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", answers)
    result, text, _ = run(capsys, "download", f"https://huggingface.co/{NAME}")
    assert result == 0
    folder = dewpoint_home / "models" / "owner--tiny"
    assert f"is installed in {folder}: every file was found right." in text
    assert "100 %" in text
    result, text, _ = run(capsys, "verify", NAME)
    assert (result, text.splitlines()[-1]) == (0, "Every file is there and right.")
    data = bytearray((folder / SHARD).read_bytes())
    data[1000] ^= 1
    (folder / SHARD).write_bytes(data)
    result, text, _ = run(capsys, "verify", NAME, "--json")
    assert result == 1
    assert events(text)[-1]["files"] == [SHARD]
    result, text, _ = run(capsys, "download", NAME, "--json")
    assert result == 0, "a repair needs no new acceptance"
    assert events(text)[-1]["event"] == "installed"
    (folder / "mine.txt").write_text("x", encoding="utf-8")
    result, text, _ = run(capsys, "remove", NAME)
    assert result == 1
    assert "Kept, because Dewpoint did not write it" in text
    assert "Would be deleted:" in text
    assert "\nDeleted:" not in text
    assert "mine.txt" in text
    assert folder.exists()
    result, text, _ = run(capsys, "remove", str(folder), "--yes")
    assert result == 0
    assert "came free" in text
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_a_revision_is_a_model_of_its_own(capsys: pytest.CaptureFixture[str], hub: Hub) -> None:
    hub.add(repo_of(NAME, tiny_contents(), revisions=("main", "refs/pr/1")))
    address = f"https://huggingface.co/{NAME}/tree/refs%2Fpr%2F1"
    result, text, _ = run(capsys, "download", address, "--accept-licence")
    assert result == 0
    assert f"{NAME} @ refs/pr/1" in text
    assert f"{NAME}@refs/pr/1\n" in run(capsys, "list")[1]
    result, text, _ = run(capsys, "download", NAME, "--accept-licence")
    assert (result, text.splitlines()[0]) == (0, NAME)
    assert run(capsys, "verify", f"{NAME}@refs/pr/1")[0] == 0
    assert run(capsys, "remove", f"{NAME}@refs/pr/1", "--yes")[0] == 0
    assert run(capsys, "verify", NAME)[0] == 0


def test_json_names_every_event(capsys: pytest.CaptureFixture[str], repo: Repo) -> None:
    result, text, _ = run(capsys, "download", NAME, "--json", "--accept-licence", "--limit", "1000")
    names = [event["event"] for event in events(text)]
    assert result == 0
    assert set(names) >= {"progress", "filefinished", "finished", "installed"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["download", "owner/none", "--accept-licence"], "There is no model owner/none on the Hub"),
        (["download", "what is this"], "is no name of a repository"),
        (["download", "starter"], "comes with the program"),
        (["download", NAME, "--limit", "-3"], "--limit must be a number within 0 and 10,000, not '-3'"),
        (["download", NAME, "--limit", "nan"], "--limit must be a number within 0 and 10,000, not 'nan'"),
        (["verify", "nvidia-nvfp4"], "is not on this computer"),
        (["verify", "nothing"], "There is no model 'nothing'"),
        (["remove", "starter"], "comes with the program"),
        (["move", "starter", "."], "comes with the program"),
        (["import", "/nowhere/at all"], "/nowhere/at all"),
        (["import", str(ROOT), "--base", "nvidia-nvfp4"], "is not on this computer"),
        (["import", ""], "The name of a file or folder is empty."),
        (["move", "nothing", ""], "The name of a file or folder is empty."),
        (["show", ""], "There is no model ''"),
        (["move", "nothing", "/tmp"], "There is no model 'nothing'"),
    ],
)
def test_wrong_words_are_one_sentence(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    result, _, error = run(capsys, *arguments)
    assert result == 1
    assert words in error
    assert error.count("\n") == 1
    assert "Traceback" not in error


def test_import_uses_a_folder_where_it_lies(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "mon modèle"
    folder.mkdir()
    for file in starter_model_folder().iterdir():
        if not file.name.startswith("dewpoint"):
            (folder / file.name).write_bytes(file.read_bytes())
    result, text, _ = run(capsys, "import", str(folder))
    assert result == 0
    assert str(folder) in text
    assert f"{folder}\n  ready" in run(capsys, "list")[1]
    before = sorted(file.name for file in folder.iterdir())
    assert run(capsys, "remove", str(folder), "--yes")[0] == 0
    assert sorted(file.name for file in folder.iterdir()) == before


def test_import_looks_into_the_folder_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[LookQuestion[Any]] = []

    def ask(looks: Looks, question: LookQuestion[Any], cancel: threading.Event | None = None) -> Any:
        asked.append(question)
        return answered_here(looks, question, cancel)

    monkeypatch.setattr(Looks, "ask", ask)
    folder = write_model(tmp_path / "M", random_tensors(small_config()))
    (tmp_path / "link").symlink_to(folder)
    assert run(capsys, "import", str(tmp_path / "link"))[0] == 0
    assert asked == [LookAtFolder(folder, texts=True)]


@pytest.mark.parametrize("command", ["verify", "remove", "move", "show", "import"])
def test_a_name_of_two_models_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str) -> None:
    folders = [write_model(tmp_path / parent / "M", random_tensors(small_config())) for parent in ("a", "b")]
    for folder in folders:
        assert run(capsys, "import", str(folder))[0] == 0
    more = {"remove": ["--yes"], "move": [str(tmp_path)]}.get(command, [])
    named = [str(tmp_path), "--base", "m"] if command == "import" else ["m", *more]
    result, _, error = run(capsys, command, *named)
    assert (result, error.count("\n")) == (1, 1)
    assert error.startswith("2 models are called 'm'. Name the folder or the id")
    models = json.loads(run(capsys, "list", "--json")[1])["models"]
    assert [model["folder"] for model in models if model["title"] == "M"] == [str(folder) for folder in folders]


def test_an_id_counts_more_than_a_title_and_a_folder_is_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, dewpoint_home: Path
) -> None:
    folders = [write_model(tmp_path / parent / "M", random_tensors(small_config())) for parent in ("a", "b")]
    services = LibraryServices.open(AppPaths(dewpoint_home).ensure())
    named = services.library.add("folder", write_model(tmp_path / "c", random_tensors(small_config())), "C")
    first, second = (services.library.add("folder", folder, "M") for folder in folders)
    named = services.library.add("folder", named.folder, second.id)
    assert run(capsys, "remove", second.id, "--yes")[0] == 0
    assert services.library.models() == (named, first)
    services.library.add("folder", folders[1], "M")
    assert run(capsys, "remove", str(folders[0]), "--yes")[0] == 0
    assert [model.folder for model in services.library.models()] == [named.folder, folders[1]]


def test_a_folder_with_two_sets_of_weights_says_which_one_counts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tensors = random_tensors(small_config())
    folder = write_model(tmp_path / "tuned", tensors)
    shard(folder, tensors, 2)
    write_checkpoint(folder, tensors)
    words = "model.safetensors decides which weights are read"
    assert words in run(capsys, "import", str(folder))[1]
    for arguments in (("list",), ("show", str(folder))):
        text = run(capsys, *arguments)[1]
        assert words in text
        assert "model-00001-of-00002.safetensors" in text


def test_move(capsys: pytest.CaptureFixture[str], repo: Repo, tmp_path: Path, dewpoint_home: Path) -> None:
    run(capsys, "download", NAME, "--accept-licence")
    other = tmp_path / "elsewhere"
    other.mkdir()
    assert run(capsys, "move", NAME, str(other))[0] == 0
    assert (other / "owner--tiny" / SHARD).exists()
    assert run(capsys, "verify", NAME)[0] == 0


def test_token(
    capsys: pytest.CaptureFixture[str], memory_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("hf_secret\n"))
    result, text, _ = run(capsys, "token")
    assert (result, "hf_secret" in text) == (0, False)
    assert list(memory_keyring.kept.values()) == ["hf_secret"]
    run(capsys, "token", "--remove")
    assert not memory_keyring.kept
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert run(capsys, "token")[0] == 1


def test_a_merged_model_lies_in_the_models_folder_wherever_the_command_is_called(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dewpoint_home: Path
) -> None:
    here = tmp_path / "here"
    write_model(here / "mine", random_tensors(tiny_config()), tiny_config())
    write_adapter(here / "lpat", factors(QUERY, 16, 16))
    monkeypatch.chdir(here)
    assert run(capsys, "import", "mine")[0] == 0
    result, said, error = run(capsys, "import", "lpat", "--base", "mine")
    assert (result, error) == (0, "")
    (merged,) = AppPaths(dewpoint_home).models.iterdir()
    assert str(merged) in said
    assert list(merged.glob("*.safetensors"))
    assert {path.name for path in here.iterdir()} == {"mine", "lpat"}
    long = "\u00e9" * 300
    result, said, error = run(capsys, "import", "lpat", "--base", "mine", "--title", long)
    assert (result, error) == (0, "")
    assert f"{long} is in the list" in said
    (other,) = set(AppPaths(dewpoint_home).models.iterdir()) - {merged}
    assert other.name == "\u00e9" * 60


def test_offline_in_the_settings_holds_here_too(
    capsys: pytest.CaptureFixture[str], repo: Repo, hub: Hub, dewpoint_home: Path
) -> None:
    AppPaths(dewpoint_home).ensure().settings_file.write_text('{"offline": true}', encoding="utf-8")
    result, _, error = run(capsys, "download", NAME, "--accept-licence")
    assert result == 1
    assert "stay offline" in error
    assert not hub.behaviour.seen


def test_an_error_keeps_what_is_there(capsys: pytest.CaptureFixture[str], repo: Repo, hub: Hub) -> None:
    hub.behaviour.plan(SHARD, status(404), where="hub", times=None)
    assert run(capsys, "download", NAME, "--accept-licence")[0] == 1
    assert "paused" in run(capsys, "list")[1]
    hub.behaviour.forget()
    assert run(capsys, "download", NAME)[0] == 0


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT for another process")
def test_ctrl_c_keeps_what_is_fetched(hub: Hub, repo: Repo, dewpoint_home: Path) -> None:
    hub.behaviour.plan(SHARD, stall(after=400_000), times=None)
    child = subprocess.Popen(
        [sys.executable, "-m", "app", "models", "download", NAME, "--accept-licence"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
    )  # fmt: skip
    try:
        wait_until(lambda: hub.behaviour.counts().get(SHARD, 0) >= 400_000 or child.poll() is not None)
        assert child.poll() is None, child.communicate()
        child.send_signal(signal.SIGINT)
        out, error = child.communicate(timeout=WAIT_SECONDS)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 130, error
    assert "Stopped. What is fetched is kept" in out
    assert "Traceback" not in error
    services = LibraryServices.open(AppPaths(dewpoint_home))
    record = models_choice.chosen_record(services, NAME)
    before = hub.behaviour.total_sent
    hub.behaviour.forget()
    from app.library import download

    list(download.download(services, record, threading.Event()))
    assert hub.behaviour.total_sent < repo.size
    assert before < repo.size


def test_names_that_would_steer_a_terminal_are_shown_as_they_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "a\x1b[31m\nb", random_tensors(small_config()))
    shown = str(folder).replace("\x1b", "\\x1b").replace("\n", "\\n")
    for arguments in (["import", str(folder)], ["list"], ["show", str(folder)], ["remove", str(folder), "--yes"]):
        result, text, _ = run(capsys, *arguments)
        assert result == 0
        assert "\x1b" not in text
        assert "a\\x1b[31m\\nb" in text
        assert arguments[0] == "remove" or shown in text
    result, _, text = run(capsys, "import", str(tmp_path / "no\x1b[31m"))
    assert result == 1
    assert "\x1b" not in text
