"""What can be done with a canvas beyond an answer from its beginning to its end: fill blanks, rewrite, decide, find."""
