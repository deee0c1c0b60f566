"""Answers that have a form without exception: regular languages, over bytes, over tokens, and on a canvas."""
