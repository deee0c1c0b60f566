"""A damaged history: its pages, rows and links, read one by one into a new file."""
