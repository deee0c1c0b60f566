"""Finding chats by what was written in them."""
