"""The menu Help: keys, About, bug reports, the doctor, the network list."""
