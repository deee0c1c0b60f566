"""Newer versions of the program: asked for on a click, or weekly if the user wants that; never installed unasked.

`source` says where this copy's releases are and what kind of package it is, `release` reads what a release says of
itself, `service` asks, fetches and checks. Nothing here knows of Qt; `app.bridge.updates` runs it.
"""
