"""Steering the canvas in the window: parts written anew, blanks, other words, forms, tables, and the tour."""
