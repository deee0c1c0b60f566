"""The settings dialog, and the switches of the menus."""
