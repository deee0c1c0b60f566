"""Tests of exports and imports in the window."""
