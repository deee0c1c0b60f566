"""Between the window and everything slow: the model process and the threads, seen as one QObject a subject."""
