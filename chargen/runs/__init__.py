"""What lies on disk: runs, their checkpoints, logs and curves, and where they are found."""
