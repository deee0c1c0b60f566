"""Below the message box: what holds for the chat alone, and how much of the context it takes."""
