"""The part of your bot that thinks in the background."""
