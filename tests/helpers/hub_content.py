"""The body of one answer of the local hub: ranges, and the ways in which a body can go wrong."""

from __future__ import annotations

import os
import re
import threading
from http.server import BaseHTTPRequestHandler

from tests.helpers.hub_behaviour import Behaviour, Fault, HubFile

LARGE, SMALL = 4 * 2**20, 16 * 1024  # bytes at once, without and with a rate


def send_content(
    handler: BaseHTTPRequestHandler,
    behaviour: Behaviour,
    file: HubFile,
    fault: Fault | None,
    etag: str,
    headers: dict[str, str],
    closing: threading.Event,
) -> None:
    """Answer with the file or the asked range of it.

    Args:
        handler: Of the request.
        behaviour: Counts the bytes.
        file: The file.
        fault: How to misbehave, or None.
        etag: Of this content.
        headers: Further ones.
        closing: Set when the server ends.
    """
    kind = fault.kind if fault else ""
    if fault is not None and kind == "etag":
        etag = fault.code
    asked = handler.headers.get("Range") if kind != "ignore-range" else None
    condition = handler.headers.get("If-Range")
    span = (0, file.size)
    if asked and condition in (None, f'"{etag}"'):
        found = _span(asked, file.size)
        if found is None:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{file.size}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        span = found
    start, end = span
    if kind == "long":
        end = file.size
    total = file.size + 7 if kind == "wrong-total" else file.size
    length = min(fault.after, end - start) if fault is not None and kind == "short" else end - start
    handler.send_response(206 if asked and condition in (None, f'"{etag}"') else 200)
    known = {"Content-Length": str(length), "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
    if asked:
        known["Content-Range"] = f"bytes {start}-{end - 1}/{total}"
    for name, value in {**headers, **known}.items():
        handler.send_header(name, value)
    handler.end_headers()
    if handler.command == "GET":
        _send_body(handler, behaviour, file, fault, start, start + length, closing)


def _span(asked: str, size: int) -> tuple[int, int] | None:
    """[start, end) of a Range header; None if it cannot be given."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", asked)
    if match is None:
        return 0, size
    start = int(match[1])
    end = min(int(match[2]) + 1, size) if match[2] else size
    return (start, end) if start < end else None


def _send_body(
    handler: BaseHTTPRequestHandler,
    behaviour: Behaviour,
    file: HubFile,
    fault: Fault | None,
    start: int,
    end: int,
    closing: threading.Event,
) -> None:
    kind, era = fault.kind if fault else "", behaviour.era
    stop = min(end, start + fault.after) if fault is not None and kind in ("drop", "stall") else end
    rate = fault.after if fault is not None and kind == "slow" else 0
    at_once = SMALL if behaviour.rate or behaviour.limit or rate else LARGE
    handler.wfile.flush()
    source = os.open(file.source, os.O_RDONLY) if file.source is not None else None
    try:
        position = start
        while position < stop and not closing.is_set():
            size = min(at_once, stop - position)
            behaviour.pace(size, rate)
            behaviour.hold(closing)
            with behaviour.sending(file.path, era) as count:
                sent = _send(handler, file, source, position, size, kind)
                count(sent)
            position += sent
            if sent == 0:
                break
    finally:
        if source is not None:
            os.close(source)
    if fault is not None and kind == "stall":
        closing.wait(fault.seconds)
    if position < end or kind == "drop":
        handler.close_connection = True


def _send(
    handler: BaseHTTPRequestHandler, file: HubFile, source: int | None, position: int, size: int, kind: str
) -> int:
    if source is not None and kind != "wrong-bytes" and hasattr(os, "sendfile"):
        return os.sendfile(handler.connection.fileno(), source, position, size)
    data = _read(file, source, position, size)
    if kind == "wrong-bytes":
        data = bytes(byte ^ 0x55 for byte in data)
    sent: int = handler.connection.send(data)
    return sent


def _read(file: HubFile, source: int | None, start: int, size: int) -> bytes:
    if source is None:
        assert file.data is not None
        return file.data[start : start + size]
    if hasattr(os, "pread"):
        return os.pread(source, size, start)
    os.lseek(source, start, os.SEEK_SET)
    return os.read(source, size)
