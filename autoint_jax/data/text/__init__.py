"""Reads text files of any encoding and compression: bytes become blocks of lines, which a dialect cuts into values."""
