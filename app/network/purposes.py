"""Every reason for which the program opens a connection: one table for the dialog, the command and the README."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkUse:
    """One reason for which the program opens a connection.

    Attributes:
        name: What is asked.
        when: Which button does it.
        host: Who is asked; "{hub}" is the Hub's address, "{releases}" that of the program's releases.
        sends: What the other side learns, beside the address that every connection shows.
    """

    name: str
    when: str
    host: str
    sends: str


NETWORK_USES = (
    NetworkUse(
        "What a model on the Hub consists of: its files, their sizes and checksums, its licence",
        "You click Download or Resume, add a model by its repository name, or ask for a licence",
        "{hub}",
        "The name of the model; your access token, if you stored one",
    ),
    NetworkUse(
        "The files of a model",
        "You accept the licence and the download begins, or you click Resume or Repair",
        "{hub}, and the storage that it names for each file",
        "The names of the files; your access token, to the Hub alone and never to the storage behind it",
    ),
    NetworkUse(
        "New sizes and versions of the models in the list",
        "You click Refresh list",
        "{hub}",
        "The names of the models in the list",
    ),
    NetworkUse(
        "NVIDIA's libraries for the graphics card: TensorRT for RTX and what it needs",
        "You accept NVIDIA's licence and click Install, or run the command gpu install",
        "The Python package index, or the one that your settings of uv or pip name; a program of its own (uv) asks",
        "The names of five packages; no token",
    ),
    NetworkUse(
        "Whether there is a newer Dewpoint, and its package",
        "You open Help > Check for updates, click Download there, or run the command update; "
        "once a week if you switch that on",
        "{releases}",
        "The version of this Dewpoint; no token",
    ),
    NetworkUse(
        "How fast another server answers, with five prompts of a benchmark",
        "You run the command bench with --against and the server's address",
        "The server that you name",
        "The prompts of the benchmark, which are the same for everybody; a key, if you name a variable that holds one",
    ),
    NetworkUse(
        "Which models a server of yours has, and answers by one of them",
        "You click Look at its models or Use in Model > Add a server, and send a message while that model answers",
        "The server whose address you typed; redirects are not followed",
        "The key that you stored for it; with each message the whole chat, its options and attachments",
    ),
    NetworkUse(
        "Nothing: other programs ask Dewpoint, through its local server, which opens no connection itself",
        "You switch it on in File > Local server, or run the command serve",
        "Programs on this computer that have the key; other computers only if you let them",
        "The answers to what they ask, and the name of the model",
    ),
)
