"""The texts of the lessons: `write` of each lesson's module adds text, computed numbers and figures to a page."""
