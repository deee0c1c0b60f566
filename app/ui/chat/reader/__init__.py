"""Files of messages, read in the window, and the way from a quote to its place in them."""
