"""Between the window and the engine process: one worker thread, one signal, one controller."""
