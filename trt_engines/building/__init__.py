"""Building engines: a child process for each part, resumable, with a manifest of what lies there and for what."""
