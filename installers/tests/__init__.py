"""Tests of the installers; `python3 dev.py test --installers` runs them."""
