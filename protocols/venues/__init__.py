"""One file or package for each venue, and the registry that names them."""
