"""From a checkpoint's weights to graphs and engines for this machine, and running them. TensorRT is known only here."""
