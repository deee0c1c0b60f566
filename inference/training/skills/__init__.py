"""What the starter model can do beyond fixed questions: each skill makes chats whose answers follow from the chat."""
