"""The page's pictures as HTML: plain functions from data to text. Names are escaped, whoever sent them."""
