"""What can go wrong with updates."""

from __future__ import annotations

from app.base.errors import KnownAppError


class UpdateError(KnownAppError):
    """Whether there is a newer version cannot be told, or it cannot be fetched or installed; nothing has changed."""


class NoReleasesError(UpdateError):
    """This copy did not come from a release: there is nobody to ask, and nothing is wrong."""
