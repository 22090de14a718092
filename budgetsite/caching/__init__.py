"""Figures that are kept for a while, and how often that spared computing them."""
