"""Longer answers: a subject explained in a few sentences, asked for in a form of its own ("explain ...").

The short answers to "how do I" and "where is" stand in the corpus; the two forms of asking never overlap.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from inference.training.intents import expand
from inference.training.skills.chat import Chat, pick, said


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that can be explained.

    Attributes:
        name: For tables, and what the tests look facts up by.
        called: What people call it, with `{one|other}` alternatives.
        answer: The explanation.
    """

    name: str
    called: tuple[str, ...]
    answer: str


ASK = (
    "{explain|please explain|can you explain|could you explain} $s{ to me|}{ in detail| a bit more|}{?|}", "{explain|describe} $s {in detail|at length|fully}", "{tell|teach} me {more|all|everything} about $s",
    "{tell me|say} more about $s", "{give|write} me a {longer|detailed|full} {explanation|description} of $s", "{a |}{longer|detailed|full} explanation of $s{ please|}", "i want to {understand|know all about} $s",
    "what {is there|should i know|do i need to know} {to know |}about $s{?|}", "{introduce|walk} me {to|through} $s", "$s {explained|in detail}{ please|}", "{describe|show me} $s {step by step|in a few sentences}",
)  # fmt: skip
SUBJECTS = (
    Subject("diffusion", ("{diffusion|text diffusion|diffusion writing|writing by diffusion}", "how {diffusion|text diffusion|diffusion writing} works", "how you {write|make text|work}", "how {noise|the noise} {becomes|turns into} text"),
            "Here is the long version. Most language models write one word after another. I write a whole block at once, 256 places. First each place holds a random word: noise. In every step I look at all places together and propose a word "
            "for each. Where I am sure, the word settles. All other places get new noise. Then the next step begins, and the settled words help to find the rest. When nothing changes any more and I am sure, the block is done."),
    Subject("steps", ("{the steps|denoising|a denoising step|denoising steps}",),
            "Here is the long version. A step is one look at the whole canvas. The model proposes a word for each of the 256 places and says how sure it is. The surest words are kept, the others are replaced by fresh noise. Early steps are bold, "
            "late ones strict, because the temperature falls. A block takes at most 48 steps and often ends much earlier."),
    Subject("entropy", ("{entropy|what entropy means|the word entropy}",),
            "Here is the long version. Entropy is a number for doubt. If one word is far more likely than all others, the entropy of its place is near zero, and the word may settle. If many words would fit, the entropy is high, and the place gets "
            "new noise. The window draws this: dark words are sure, faint words are not. Sure does not mean true."),
    Subject("colours", ("{the colours|the faint words|the faint and dark words|what i see while you write|the drafts}",),
            "Here is the long version. While I write, you see the canvas after every step. Dark, upright words have settled. Faint, slanted and dotted words are not sure yet and may still change. A settled word can melt again when its neighbours "
            "change. If that is too lively, choose Calm mode in the View menu, which shows settled words only."),
    Subject("presets", ("{the presets|presets|fast, balanced and careful}",),
            "Here is the long version. A preset says how a block is written. Fast takes at most a third of the steps, so the answer comes sooner. Balanced uses the values that belong to the model. Careful ends a block only when the model is five "
            "times as sure. You choose one in Settings, which open with Ctrl+,."),
    Subject("seed", ("{the seed|seeds|what a seed is}",),
            "Here is the long version. The seed is the number from which all noise is made. With the same seed, the same model and the same question you get the same answer with Try again. In Settings, Seed is New for every answer or a number of "
            "yours. Under an answer you can see how many steps it took."),
    Subject("models_page", ("{the models page|the models window|the page of models|model > models}",),
            "Here is the long version. Press Ctrl+M to open the models page. It lists the starter model, your own models, and models that you can download. For each one it says whether this computer can run it, how large the download is and how "
            "fast it would be. You can also add a model by its name on the Hub, or a folder that is on this computer already."),
    Subject("download", ("{downloads|downloading a model|the download of a model|model downloads}",),
            "Here is the long version. Open the models page with Ctrl+M and press Download beside a model. First you see its licence, and nothing is fetched before you accept it. A download can be paused and goes on where it was, even after a "
            "restart. Every file is checked by its hash. When all files are right, the model is installed."),
    Subject("engines", ("{engines|the engines|tensorrt engines|model > engines}",),
            "Here is the long version. With an NVIDIA RTX card a big model runs through engines. First install TensorRT for RTX on the models page. Then open Engines in the Model menu and press Build. It takes a while, you can go on chatting, and "
            "you may stop and continue later. Every part is compared with the processor before it is used."),
    Subject("adapters", ("{adapters|lora adapters|a lora|fine-tuned adapters}",),
            "Here is the long version. A LoRA adapter holds only the changes to a model. Open the models page with Ctrl+M and add the folder of the adapter. Dewpoint merges it into the model that it was made for. The merged model is a new one in "
            "the list, and large files are shared with the base where the drive allows that."),
    Subject("chats", ("{how chats are saved|the saving of chats|my saved chats|saving}",),
            "Here is the long version. Everything you send is on the disk before the answer begins, and each finished block of an answer, too. Even what you have typed and not sent is kept. All chats are in one file, chats.sqlite3, in the data "
            "folder. Once a day a copy goes into the backups folder. So nothing you wrote is lost when the power fails."),
    Subject("deleting", ("{deleting|how deleting works|deleted chats}",),
            "Here is the long version. Select a chat in the list and press Delete. For ten seconds a bar offers Undo, and Ctrl+Z brings the chat back, too. Later you find it under Deleted chats in the File menu for 30 days. Then it is "
            "overwritten. Backups of the last days may still hold it."),
    Subject("search", ("{searching|the search|how searching works|finding chats}",),
            "Here is the long version. Press Ctrl+Shift+F and type in the box above the chat list: titles and messages of all chats are searched. All words must stand in one message, and each is found from its beginning. Words in quotes stand "
            "together. Ctrl+F finds words in the open chat alone, and F3 goes to the next one."),
    Subject("canvas", ("{the canvas|the map and the replay|what i can do while you write|watching you write}",),
            "Here is the long version. The canvas is the block of 256 places in which I write. Settle now takes it as it stands, More steps gives it more time, and Esc stops. The map, Ctrl+Shift+M, has a cell for each place. Replay under an answer "
            "plays it back from noise to text, and can save it as a GIF or a web page."),
    Subject("in_and_out", ("{export and import|exporting and importing|how chats get in and out|import and export}",),
            "Here is the long version. Export chat in the File menu writes a chat as JSON, Markdown, HTML or PDF. JSON loses nothing and can be taken in again. Import chats reads what ChatGPT, Claude, Open WebUI, LM Studio and Jan have written. "
            "Nothing is taken twice, and a report names what could not be taken."),
    Subject("server", ("{the local server|the server|the api|how other programs use you}",),
            "Here is the long version. Choose Local server in the File menu and switch it on. Other programs on this computer can then ask the model in the way of OpenAI, Anthropic or Ollama. You copy the address and a key from the page. Your own "
            "questions come first, and other computers are served only if you agree."),
    Subject("documents", ("{attaching documents|documents|attached files|how attaching works}",),
            "Here is the long version. Press the paper clip or Ctrl+Shift+A, or drop a file on the chat: text, PDF or Word. Its text goes into the message box, where you can change it. If the file is too long, the parts that fit your question best "
            "are taken, so type the question first."),
    Subject("privacy", ("{privacy|my privacy|what leaves my computer|what happens to my data|the network}",),
            "Here is the long version. Nothing leaves this computer unless you click a button that says so. There is no account and no telemetry. Only downloads, the list of models and a look for updates use the network, and each needs a click. "
            "Stay offline in the settings refuses all of it. The Help menu has a page that lists every reason."),
    Subject("updates", ("{updates|how updates work|new versions}",),
            "Here is the long version. Choose Check for updates in the Help menu. Dewpoint asks whether there is a newer version and shows what is new. Press Download, and the package is checked by its hash. Nothing is installed by itself. If you "
            "like, Settings can look once a week."),
    Subject("settings", ("{the settings|settings|all settings}",),
            "Here is the long version. Press Ctrl+, to open Settings. There you set the look, the text size, how drafts are shown, the pace and less motion. You choose a preset, the length of answers and the seed. Stay offline and a limit for "
            "downloads are there, too. Every change holds at once."),
    Subject("window", ("{the window|this window|the parts of the window|what i see here}",),
            "Here is the long version. On the left is the list of chats with New chat above it. On the right is the chat, and below it the message box. Above the chat stand the name of the model and its state; click the name to see all models. "
            "The line at the bottom says how many steps an answer took and how fast it was."),
    Subject("continue", ("{continue|the continue button|stopped answers|how to go on with an answer}",),
            "Here is the long version. You can stop an answer with Esc, and what is written stays. Under an answer that was stopped or cut off there is a Continue button, which lets it go on from there. Try again asks for a new answer instead. The "
            "earlier answer is kept, and the arrows lead from one to the other."),
    Subject("starter", ("{the starter model|yourself|what you are}",),
            "Here is the long version. I am the starter model: a very small diffusion model that comes with Dewpoint, so that you can try everything at once. I know this program, some small talk, little stories, rhymes and jokes, and I can copy, "
            "spell and sort words. I know nothing of the world. For real work add a bigger model on the models page."),
    Subject("doctor", ("{the check of this computer|check this computer|the doctor}",),
            "Here is the long version. Choose Check this computer in the Help menu. It looks at memory, disk, graphics card, driver, models and engines, and says what is missing and what to do about it. Nothing is changed and nobody is asked. The "
            "report can be copied and holds no text of your chats."),
    Subject("memory_use", ("{the card's memory|streaming|how big models fit|streamed weights}",),
            "Here is the long version. A model that is larger than the memory of the graphics card still runs: a part of it stays on the card, and the rest is copied in while the card computes. That is slower. The models page says before a "
            "download how much would stay on your card and how fast it would be."),
)  # fmt: skip
_SHORTER = (
    "{shorter|in short|too long|shorter please|make it shorter|the short version}",
    "{in|say it in} one sentence{ please|}",
    "{sum|summarise} {it|that} {up|}",
    "{can|could} you {say it|make it} {shorter|short}?",
)
SHORT = {
    "diffusion": "In short: I start from noise and make all words clearer together, step by step.", "steps": "In short: in a step I look at all places and keep the surest words.",
    "entropy": "In short: entropy says how unsure I am about a place.", "colours": "In short: dark words have settled, faint words may still change.", "presets": "In short: Fast is quick, Careful is strict, Balanced is between them.",
    "seed": "In short: the seed decides the noise, so the same seed gives the same answer.", "models_page": "In short: Ctrl+M shows all models and what would run here.", "download": "In short: press Ctrl+M, then Download; it can be paused.",
    "engines": "In short: engines make a big model run on an RTX card.", "adapters": "In short: add the adapter's folder, and it is merged into its model.", "chats": "In short: all you write is saved at once on this computer.",
    "deleting": "In short: Delete removes a chat, Ctrl+Z brings it back.", "privacy": "In short: nothing leaves this computer unless you click for it.", "updates": "In short: Check for updates is in the Help menu.",
    "settings": "In short: Ctrl+, opens Settings.", "window": "In short: chats left, the talk right, your message below.", "continue": "In short: Continue goes on, Try again begins anew.",
    "search": "In short: Ctrl+Shift+F searches all chats, Ctrl+F this one.", "canvas": "In short: watch it, settle it, give it more steps or play it back.", "in_and_out": "In short: Export and Import are in the File menu.",
    "server": "In short: other programs here can ask the model, too.", "documents": "In short: drop a file on the chat and ask about it.",
    "starter": "In short: I am a very small model for trying things out.", "doctor": "In short: it says what this computer has and lacks.", "memory_use": "In short: what does not fit on the card is copied in step by step.",
}  # fmt: skip


def explanation(rng: random.Random) -> Chat:
    """A subject explained; now and then it shall be shorter afterwards."""
    subject = SUBJECTS[0] if rng.random() < 0.15 else SUBJECTS[int(rng.random() * len(SUBJECTS))]
    text = said(ASK, rng, s=expand(pick(subject.called, rng), rng))
    if rng.random() < 0.2:
        turns = (("user", text), ("model", subject.answer), ("user", said(_SHORTER, rng)))
        return Chat(turns, SHORT[subject.name], "explain", f"{subject.name}_shorter")
    return Chat((("user", text),), subject.answer, "explain", subject.name)
