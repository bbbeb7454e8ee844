"""Files that are not plain text: what they are, and the characters that are in them."""
