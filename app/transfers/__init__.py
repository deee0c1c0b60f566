"""Downloads that survive: files from the web into a folder, resumed, checked, and never half-made under their own name.

Each file is written beside its final place as `NAME.part`, with a journal that says which bytes are there (`part`).
Several connections (`connection`) take ranges of the files (`scheduler`); the main loop (`fetch`) hashes what has
arrived, decides on retries and pauses, and yields events (`values`). Nothing here knows of models, hubs, Qt or the
database.
"""
