"""The GPU add-on: TensorRT for RTX, fetched by the package installer `uv` when the user asks for it; no Qt."""
