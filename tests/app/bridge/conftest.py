"""What holds for every test of threads."""

from __future__ import annotations

from tests.helpers.patience import hurried, patient_threads

__all__ = ["hurried", "patient_threads"]
