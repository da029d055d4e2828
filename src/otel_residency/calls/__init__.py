"""One API call, whichever library makes it: its request, its response, its verdict, and what is reported."""
