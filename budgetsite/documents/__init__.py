"""Documents that people print and pass on: PDF, with the letters of any language."""
