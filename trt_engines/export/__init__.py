"""From torch modules to ONNX graphs; needs torch."""
