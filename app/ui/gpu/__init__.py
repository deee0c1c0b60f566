"""TensorRT for RTX in the window: its line, its licence, its news."""
