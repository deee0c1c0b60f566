"""What a GPU can do with a model, before anything is downloaded or built: pure arithmetic, no GPU, no files."""
