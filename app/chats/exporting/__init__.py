"""Chats to files: our own JSON, Markdown, a page of HTML, PDF; and from a history of this or an older version."""
