"""The parts of the web page: what it asks (`api`), what it says (`words`), what it shows (`view`)."""
