"""One web application for customers of two continents, each held to the region that he was promised."""
