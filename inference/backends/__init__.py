"""Backends: one contract (`base`), several ways to keep it (`registry` lists them)."""
