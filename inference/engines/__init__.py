"""Which TensorRT engines a model needs on a card."""
