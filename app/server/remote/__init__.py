"""Models of servers: which ones there are, and one that answers in the window."""
