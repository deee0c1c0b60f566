"""Dewpoint's desktop program: the window, the chat history, and what joins them to the inference core."""

__version__ = "0.1.0"
