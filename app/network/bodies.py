"""The body of an answer, counted while it is read: after decoding, and never more of it than was asked for."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import httpx2

from app.network import texts
from app.network.errors import AnswerError, host
from app.network.limits import Limit

PIECE_BYTES = 64 * 1024  # decoded at once
_EITHER = 32 + zlib.MAX_WBITS  # zlib's word for: gzip or deflate, as the head says
_PLAIN = ("", "identity")
_DECODED = ("gzip", "x-gzip", "deflate")


class BoundedBody(httpx2.SyncByteStream):
    """A body that ends at its limit.

    Args:
        response: Whose body it is, before any of it is read; it is decoded here and nowhere else.
        limit: How much of it is read.
        check: Called before each piece; raises where nobody wants it any more.

    Raises:
        AnswerError: It is packed in a way that was not asked for.
    """

    def __init__(self, response: httpx2.Response, limit: Limit, check: Callable[[], None]) -> None:
        assert isinstance(response.stream, httpx2.SyncByteStream)
        self._stream, self._limit, self._check = response.stream, limit, check
        self._who = host(str(response.request.url))
        packed = response.headers.get("Content-Encoding", "").strip().lower()
        if packed not in (*_PLAIN, *_DECODED):
            raise AnswerError(texts.foreign(self._who), texts.LATER_HINT)
        self._unpack = zlib.decompressobj(_EITHER) if packed in _DECODED else None
        response.headers.pop("Content-Encoding", None)
        response.stream = self

    def __iter__(self) -> Iterator[bytes]:
        count = 0
        for piece in self._decoded():
            self._check()
            left = self._limit.most_bytes - count
            count += len(piece)
            if count > self._limit.most_bytes:
                if not self._limit.cut:
                    raise AnswerError(texts.too_much(self._who, self._limit.most_bytes), texts.LATER_HINT)
                yield piece[:left]
                return
            yield piece

    def close(self) -> None:
        """Close the connection's own stream."""
        self._stream.close()

    def _decoded(self) -> Iterator[bytes]:
        """The body in pieces, unpacked; one that is packed and comes to nothing is left to the time limit."""
        for raw in self._stream:
            if self._unpack is None:
                yield raw
                continue
            try:
                while raw and not self._unpack.eof:
                    piece = self._unpack.decompress(raw, PIECE_BYTES)
                    raw = self._unpack.unconsumed_tail
                    yield piece
            except zlib.error as exc:
                raise AnswerError(texts.foreign(self._who), texts.LATER_HINT) from exc
            if self._unpack.eof:
                return
