"""What every training needs: its events, its state on disk, its place among several processes."""
