"""C sources, the functions compiled from them, and which implementation a process uses."""
