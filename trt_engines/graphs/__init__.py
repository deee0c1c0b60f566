"""Templates of the exported graphs, and what becomes of them without torch: segments, precisions, bound weights."""
