"""The Linux packages: a PyInstaller tree as .deb, .rpm and AppDir."""
