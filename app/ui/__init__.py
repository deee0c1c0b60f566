"""The window: Qt widgets, each panel one file; talks to the rest through app.bridge alone."""
