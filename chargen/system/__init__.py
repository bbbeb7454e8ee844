"""The machine underneath: files, processors, the clock, and signals."""
