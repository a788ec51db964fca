"""Files that lie on the facility's storage: checked, moved into the archive, and put back."""
