"""Forms that an answer keeps exactly: regular languages over a checkpoint's own tokens, and their marginals on a canvas."""
