"""Text files of any encoding and packing: bytes -> blocks of whole lines -> values by a dialect."""
