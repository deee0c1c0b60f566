"""Tests of the whole program: real window, real model process, real starter model."""
