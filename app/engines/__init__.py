"""The TensorRT engines of this machine: which there are, what is said of them, building and removing them; no Qt."""
