"""The screens of the page, one file each: they choose, ask and show, and compute nothing."""
