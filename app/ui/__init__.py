"""The window: for each subject its widgets, its words and one coordinator; it reaches the rest through app.bridge."""
