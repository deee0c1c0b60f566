"""Chats in and out: File > Export and File > Import."""
