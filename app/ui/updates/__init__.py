"""The dialog about newer versions, and its notice."""
