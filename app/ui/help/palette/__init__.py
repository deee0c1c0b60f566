"""Ctrl+K: one box from which every chat, command, setting and model is reached."""
