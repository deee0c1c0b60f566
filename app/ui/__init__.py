"""The window: for each subject its widgets, its words and one coordinator; talks to the rest through app.bridge alone."""
