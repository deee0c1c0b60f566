"""Running engines: buffers, KV cache, weight streaming and the two passes, over a device that may be a stand-in."""
