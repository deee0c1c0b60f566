"""The exported graphs of a model: which there are, and whether they still fit; the templates that are shipped."""
