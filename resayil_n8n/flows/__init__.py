"""The templates, one module each."""
