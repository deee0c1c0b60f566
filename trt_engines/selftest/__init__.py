"""Does an engine on this card compute what ONNX Runtime computes on the processor from the same weights?"""
