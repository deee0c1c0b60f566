"""How a block came to be, step by step, in a few kilobytes: recorded beside the model, shown again without it."""
