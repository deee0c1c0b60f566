"""The model process: `client` in the window's process, `server` in the model's, `messages` between them."""
