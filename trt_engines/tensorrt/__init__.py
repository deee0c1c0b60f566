"""TensorRT itself: the add-on's folder, the two flavours, and whether it works."""
