"""What every subject needs: folders, errors, log, settings, units, sentences. Imports nothing above; no Qt."""
