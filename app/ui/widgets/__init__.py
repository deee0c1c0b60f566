"""What all panels are made of: theme, colours, icons, labels, sheets, questions, notices."""
