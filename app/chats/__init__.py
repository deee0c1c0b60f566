"""Chats: asking and recording, and the history on disk: one SQLite file, its migrations, backups, recovery; no Qt."""
