"""The lessons: each module's `write` fills a page with words, and with numbers and pictures that it computes."""
