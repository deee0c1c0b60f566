"""Chats from files: our own export, and those of ChatGPT, Claude, Open WebUI, LM Studio and Jan."""
