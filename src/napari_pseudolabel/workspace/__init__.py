"""What is on disk: files and folders that appear complete or not at all."""

from __future__ import annotations

from napari_pseudolabel.workspace.atomic import atomic_file, atomic_files, atomic_folder, write_text

__all__ = ["atomic_file", "atomic_files", "atomic_folder", "write_text"]
