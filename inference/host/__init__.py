"""The engine process: `client` in the window's process, `server` in the engine's, `messages` between them."""
