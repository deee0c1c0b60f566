"""The lock: chats that can be read with a password only."""
