"""Tables over files: the same typed questions, asked about each of many documents."""
