"""Documents that are put beside a message: their text, read apart, and the parts of it that fit a question."""
