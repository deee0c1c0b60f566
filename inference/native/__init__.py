"""Our own kernels for processors: C sources, how they are built, loaded and fed with weights."""
