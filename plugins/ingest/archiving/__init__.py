"""Send files to the archive, check what it holds, and undo that for a rejected job."""
