"""The models window, its dialogs and its news."""
