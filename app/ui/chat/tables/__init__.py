"""Many files, asked the same questions: a window with a table."""
