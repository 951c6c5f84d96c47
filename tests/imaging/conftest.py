"""Settings of the tests of this room."""

from hypothesis import settings

# Imports and a busy machine make the first example of a property slow, which says nothing about it.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
