"""What readers open and filter on the page: its cells, and its toolbox."""
