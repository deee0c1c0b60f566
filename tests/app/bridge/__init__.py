"""Tests of app.bridge."""
