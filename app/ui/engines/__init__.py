"""The engine card and what else the window says of engines."""
