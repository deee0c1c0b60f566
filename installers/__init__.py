"""What users download: installers for Windows and Linux, and what they are made of."""
