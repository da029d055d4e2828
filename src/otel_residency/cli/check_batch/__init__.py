"""The lines of a batch's input file, judged before anything is uploaded."""
