"""Where taste meets drawing: pictures to ask about, one person's sitting, and what is drawn for them."""
