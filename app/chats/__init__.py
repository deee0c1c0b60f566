"""The chat history on disk: one SQLite file, its migrations, backups and recovery. No Qt in here."""
