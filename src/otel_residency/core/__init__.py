"""Facts in, a decision out: pure functions over frozen values, standard library only."""
