"""Tests of the whole program: real window, real engine process, real starter model."""
