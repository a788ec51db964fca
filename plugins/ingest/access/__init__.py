"""Users: their names, and the static tokens that authenticate them."""
