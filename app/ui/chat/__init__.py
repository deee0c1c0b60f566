"""The chat: list, messages, the canvas, the message box."""
