"""What a model is: its shape, and the cells it can be made of. Computes nothing."""
